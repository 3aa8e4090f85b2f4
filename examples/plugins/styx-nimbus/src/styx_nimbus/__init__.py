"""The cloud nimbus for Styx. Importing this imports nothing else."""
