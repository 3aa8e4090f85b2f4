"""Tell a chat or any web hook what becomes of clusters."""
