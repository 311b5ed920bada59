"""Trained agents that play: one episode after another, many in parallel, and filmed."""
