"""The GPU market Nimbus for Styx. Importing this imports nothing else."""
