"""Offers and wishes to ranked choices, and graphs of tasks to plans. Pure functions, no input or output."""
