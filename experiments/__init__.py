"""Launchable experiments, one small file each; a file in a folder here is its own registration."""
