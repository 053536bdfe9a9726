"""A patient's course under one published protocol version."""
