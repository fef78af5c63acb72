"""Language models: backbones, training, constrained generation."""
