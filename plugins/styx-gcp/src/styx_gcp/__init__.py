"""What Google Cloud sells."""
