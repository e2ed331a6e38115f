"""Agents that learn from experience: one file per algorithm, and the parts they share."""
