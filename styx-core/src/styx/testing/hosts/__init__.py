"""Real sshd hosts for tests, each a machine as far as SSH can tell.

With root and ``ip netns``: network namespaces on a bridge, each with its own address, sshd on port 22, host keys,
hostname, processes, ``/root``, ``/tmp``, ``/run`` and ``/etc/ssh``; the rest of the file system is shared. Else sshd
processes of the present user on loopback addresses, each with its own port, host key and home. Else there are none, and
:func:`unavailable` says why.

On either, ``shutdown`` and ``poweroff`` end the host and not this machine, and :attr:`Host.on_shutdown` is told.

Runs side by side do not meet, and what a killed run has left is removed by the next one: see :class:`Slot`.
"""

from styx.testing.hosts.group import Hosts
from styx.testing.hosts.host import Host, unavailable
from styx.testing.hosts.slots import Slot, in_namespaces

__all__ = ["Host", "Hosts", "Slot", "in_namespaces", "unavailable"]
