"""Rows -> Singer messages and BATCH files, fast."""
