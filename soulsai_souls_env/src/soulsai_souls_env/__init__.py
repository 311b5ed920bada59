"""Souls boss fights for SoulsAI."""
