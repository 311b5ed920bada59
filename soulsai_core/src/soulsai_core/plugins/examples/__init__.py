"""Whole plugins to read and to copy. They are registered nowhere, and use public names alone, as yours would."""
