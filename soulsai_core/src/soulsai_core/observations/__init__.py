"""From observations to what networks see: features, images, bounds and running moments."""
