"""How fast DQN's parts are, against others and against bare arithmetic in the same run."""
