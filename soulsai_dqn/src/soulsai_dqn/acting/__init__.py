"""The client's half: how actions are chosen."""
