"""Comparing runs: finding them, putting their curves on a common axis, median and quartiles over seeds."""
