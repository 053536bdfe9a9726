"""Test results beside their limits, and quality's decision on a product."""
