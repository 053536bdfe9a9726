"""Files that hang on records: scans, photos, laboratory reports."""
