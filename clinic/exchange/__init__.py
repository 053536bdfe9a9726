"""Tables in and out: the importer, the data sets, and the demonstration clinic."""
