"""Who gets in, to what, and how much of it."""
