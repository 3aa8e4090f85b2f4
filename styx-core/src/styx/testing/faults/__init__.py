"""The fault harness: whatever goes wrong at whichever call of a provider, nothing leaks and nothing is lost.

Every call that a client makes while it launches, fails over, stops, starts or removes a cluster is counted, and then,
for each of them in turn and for each :class:`Fault` that can befall it, a client is forked to which just that happens;
a death is a real SIGKILL. Then other clients come by: ``styx status``, the same command again (or ``styx down``), and
at last ``styx down``. After each, what Styx has on record is compared with what the provider really has.

*Leaked* is what bills though nothing on record stands for it and ``styx status --orphans`` does not show it. *Lost* is
what was there, nobody asked to be removed, and is gone: a machine, a record whose machines are there, the machines of a
cluster that is said to be up. *Wrong* is a status that is not true, or a next command that fails.

All that an author writes is the truth about the own provider, in one file::

    # acme_faults.py
    from styx.testing.faults import FaultBench, Thing
    from styx_acme.cloud import AcmeCloud
    from acme_server import Server              # a stand-in for the provider, in files or in a process of its own

    class AcmeBench(FaultBench):
        name = "acme"

        def open(self):
            self.server = Server(self.directory, clock=self.clock)

        def cloud(self, services):
            return AcmeCloud(replace(services, config=AcmeConfig(url=self.server.url)))

        def things(self):
            return [Thing(vm.id, owner_of(vm), bills=vm.billed, runs=vm.on) for vm in self.server.machines()]

        def close(self):
            self.server.close()

    $ python -m styx.testing.faults --cloud acme_faults:AcmeBench
    ...
    points 812, leaked 0, lost 0

See :class:`FaultBench` for what can be told besides: requests that arrive late, ways in which the provider can behave,
and where its wire can be tapped if one method of the contract makes several requests.
"""

from styx.testing.faults.bench import FaultBench, Thing
from styx.testing.faults.clock import FileClock
from styx.testing.faults.harness import Harness, Total
from styx.testing.faults.kinds import Fault, Role
from styx.testing.faults.line import Call, Tap

__all__ = ["Call", "Fault", "FaultBench", "FileClock", "Harness", "Role", "Tap", "Thing", "Total"]
