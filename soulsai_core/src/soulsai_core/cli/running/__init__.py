"""`soulsai status`, `quicksave`, `set` and `shutdown`."""
