"""What Azure sells."""
