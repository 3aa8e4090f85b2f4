"""Offers and a task's wishes to a ranked list of places. Pure functions, no input or output."""
