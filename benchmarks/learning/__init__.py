"""How well DQN learns: seeds and settings in files, runs as JSON lines, tables and curves made from them."""
