"""Plugins that ship inside core, through the same contract as everybody else's."""
