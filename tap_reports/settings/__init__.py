"""The user's settings: their schema, reading, checks, and the text of `--about`."""
