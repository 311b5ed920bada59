"""`soulsai train` and `soulsai training-node`."""
