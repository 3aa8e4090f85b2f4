"""What takes longer than a request: put on record, worked on, and told of."""
