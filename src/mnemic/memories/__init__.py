"""Memory methods, one folder each."""
