"""AWS for Styx: EC2, S3, and what both sell. Importing this imports nothing else."""
