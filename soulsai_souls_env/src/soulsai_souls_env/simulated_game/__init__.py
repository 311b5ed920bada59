"""A small model of the boss fight that stands where the game stands."""
