"""Hooks: the events of a training, and the threads that call connectors."""
