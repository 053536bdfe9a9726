"""The demonstration clinic, and the builder of courses (`builder`, `laboratory`) that it shares with the tests."""
