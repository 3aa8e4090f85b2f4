"""What is sent to the server to be kept on its disk."""
