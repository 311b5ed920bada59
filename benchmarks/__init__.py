"""What is measured, against what. `python -m benchmarks` runs all; each module also runs alone."""
