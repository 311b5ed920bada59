"""`soulsai eval` and `soulsai play`."""
