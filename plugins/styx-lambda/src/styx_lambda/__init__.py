"""What Lambda sells."""
