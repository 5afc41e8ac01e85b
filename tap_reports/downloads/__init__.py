"""A link becomes a complete file on disk."""
