"""Containers of cells: their identity, where they came from, where they are."""
