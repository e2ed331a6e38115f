"""The lab beside its rivals: each ratio is taken in one run, and each has a bound that it must hold."""
