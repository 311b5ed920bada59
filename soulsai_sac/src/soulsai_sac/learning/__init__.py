"""The node's half: how the networks are trained."""
