"""The status that the node publishes."""
