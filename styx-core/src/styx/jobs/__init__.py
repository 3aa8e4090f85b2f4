"""Managed jobs: what outlives a terminal. Everything here works on the store and the engine; a server runs it."""
