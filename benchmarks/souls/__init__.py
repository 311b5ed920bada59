"""Benchmarks of the Souls environments."""
