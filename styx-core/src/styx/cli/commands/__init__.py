"""Core's own commands, one module for each group; imported only when one of them is used."""
