"""Experiments of the agents wing."""
