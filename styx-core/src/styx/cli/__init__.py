"""The command line: ``styx``."""
