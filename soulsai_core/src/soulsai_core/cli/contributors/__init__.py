"""`soulsai init`, `invite`, `revoke` and `contributors`."""
