"""Runs of several tasks that wait for each other."""
