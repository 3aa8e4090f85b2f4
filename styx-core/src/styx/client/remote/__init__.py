"""The client that asks a server: the same calls, the same results and the same errors as in this process."""
