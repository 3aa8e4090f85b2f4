"""Styx beside SkyPilot, in one run and over the same offers: ``make bench-peer``."""

# The made-up clouds, and the cloud of SkyPilot's that each stands for.
PEERS = {"alto": "aws", "brio": "gcp", "coda": "runpod", "duo": "azure", "etude": "lambda"}
