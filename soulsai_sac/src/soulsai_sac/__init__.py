"""Soft actor-critic for SoulsAI."""
