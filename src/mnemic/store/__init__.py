"""Where items live: protocol, embedded default."""
