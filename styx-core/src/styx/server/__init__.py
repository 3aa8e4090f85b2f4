"""The server: the engine and the managed jobs of an installation behind an HTTP interface."""
