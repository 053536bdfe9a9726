"""Protocols as versioned data, and the catalogues in code from which they choose."""
