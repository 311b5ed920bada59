"""Checkpoints that are written while learning goes on, and what a resume brings back."""
