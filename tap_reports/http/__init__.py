"""HTTP calls: the API session, download links, responses."""
