"""Step: the bedside check, and the cells are given."""
