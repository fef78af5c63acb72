"""Benchmarks of counterpoise and its peers: see README.md. Not part of the wheel."""
