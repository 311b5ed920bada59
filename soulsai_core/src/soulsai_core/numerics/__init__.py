"""Numpy tools that algorithms share: features and moments of observations, images, an LSTM step, masks of actions."""
