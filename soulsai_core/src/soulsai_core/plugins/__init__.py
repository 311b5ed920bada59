"""Finding plugins, and checking what they give."""
