"""`soulsai client`."""
