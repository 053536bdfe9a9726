"""One patient's whole record as a file that proves itself: documents, tables, attachments, the proof of all of them."""
