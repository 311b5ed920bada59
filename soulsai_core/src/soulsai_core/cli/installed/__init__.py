"""`soulsai plugins`, `presets` and `new`."""
