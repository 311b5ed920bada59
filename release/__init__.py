"""Builds what is published, and checks it as its users get it: `make wheels`."""
