"""What is promised of Souls environments, and how it is measured."""
