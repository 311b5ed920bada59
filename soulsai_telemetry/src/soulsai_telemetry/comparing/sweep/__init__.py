"""Trainings with many settings, chosen by Optuna."""
