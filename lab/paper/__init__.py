"""What goes from runs into a paper: tables and curves."""
