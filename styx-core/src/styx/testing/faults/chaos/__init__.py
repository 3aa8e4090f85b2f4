"""Chaos: real ``styx`` processes killed at any moment, and what is really there compared with what Styx says.

``python -m styx.testing.faults.chaos`` runs clients side by side on several clusters, on this machine and on a bazaar
whose machines are directories, kills them with SIGKILL, and looks from outside: at processes and directories, at what
the market bills, at ``styx status -o json`` and at the records. It prints ``kills N, leaked 0, lost 0``.
"""
