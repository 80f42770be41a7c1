"""Pure tensor maths, one folder per operation."""
