"""Training of memories on a frozen host: `mnemic train`."""
