"""What AWS sells."""
