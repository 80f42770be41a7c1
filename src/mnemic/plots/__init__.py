"""Pictures of what memories keep, for those who would rather look than read."""
