"""Commands that this distribution adds to `soulsai`."""
