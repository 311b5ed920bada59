"""What stands between contributors and the training: limits, inspection, the gate, and the book of who sent what."""
