"""Whether Styx reads SkyPilot's task files as SkyPilot does: behind ``styx compat check``."""
