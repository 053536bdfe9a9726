"""Records every change, chained per site, and checked against the records."""
