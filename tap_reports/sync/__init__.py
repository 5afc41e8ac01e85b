"""One sync: streams discovered, slices extracted, records and state written."""
