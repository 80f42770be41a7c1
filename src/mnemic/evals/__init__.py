"""The honest bench: datasets, invented facts, arms, scores, tables."""
