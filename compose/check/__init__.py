"""Runs the whole stack on a Docker engine and breaks it on purpose: `make stack`. Needs nothing but Python."""
