"""The engine: submits, polls and downloads for all streams at once. Knows no vendor and no Singer."""
