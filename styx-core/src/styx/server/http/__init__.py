"""Connections, requests and answers, whatever they are about."""
