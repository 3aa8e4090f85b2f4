"""Machines you own as a cloud."""
