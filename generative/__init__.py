"""Generative modelling: one file per method."""
