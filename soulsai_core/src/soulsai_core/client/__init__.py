"""The client: it plays in an environment and sends the steps."""
