"""Experiments of the supervised wing."""
