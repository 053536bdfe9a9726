"""Requests, comments and notices: who is asked, who answers, what people say about a record, who is told."""
