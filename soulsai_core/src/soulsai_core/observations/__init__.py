"""What networks see of observations: features, images, bounds and running moments."""
