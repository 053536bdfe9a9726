"""Step: visits with their scores, contacts, adverse events."""
