"""styx-agent: the program on every node. Standard library only, Python 3.8 or newer, imports nothing else of styx."""
