"""The backend that runs jobs through styx-agent."""
