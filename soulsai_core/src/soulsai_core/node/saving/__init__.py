"""Checkpoints beside learning, and what a resume brings back."""
