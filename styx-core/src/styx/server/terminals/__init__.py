"""Terminals on nodes, for clients that reach the server only."""
