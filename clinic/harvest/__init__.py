"""Step: cells are collected from a donor."""
