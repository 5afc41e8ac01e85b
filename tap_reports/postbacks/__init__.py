"""The vendors' calls to this tap."""
