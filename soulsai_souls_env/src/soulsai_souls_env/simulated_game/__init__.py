"""A small model of the boss fight that takes the place of the real game."""
