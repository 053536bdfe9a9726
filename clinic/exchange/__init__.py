"""Tables in and out: the importer and the data sets."""
