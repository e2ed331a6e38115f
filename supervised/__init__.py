"""Supervised learning: one file per method, and the losses they share."""
