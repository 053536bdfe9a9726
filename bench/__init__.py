"""Measures how much slower a page is than its own floor."""
