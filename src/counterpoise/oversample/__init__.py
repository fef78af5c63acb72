"""The method: interpolation, conditions, the sampler."""
