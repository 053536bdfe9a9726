"""One step more than the clinic has: released cells travel to the ward before they are given."""
