"""Numpy tools of actors, which algorithms share: one step of an LSTM, and masks of valid actions."""
