"""Experiments of the generative wing."""
