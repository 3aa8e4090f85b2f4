"""Storage in directories."""
