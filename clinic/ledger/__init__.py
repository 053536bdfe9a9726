"""Every change written down, chained per site, and checked against the records."""
