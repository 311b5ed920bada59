"""Comparing runs: finding them, putting their curves on one axis, and what they have in common."""
