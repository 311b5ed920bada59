"""A look at one run of DQN: its play, its values, the units of its network, and its replay."""
