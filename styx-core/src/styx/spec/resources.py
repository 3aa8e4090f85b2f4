"""``Resources``: what a task needs, said in Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from styx.spec import alternatives
from styx.spec.model import ResourcesSpec
from styx.spec.place import Place
from styx.spec.plain import plain_mapping

_PLACE = Place(field="resources")


class Resources:
    """What one node of a task must have. Immutable: every method gives new resources.

    ::

        Resources().gpu("A100", 8).cpus("32+").spot()
        Resources(infra="aws", accelerators={"A100": 8, "H100": 8})

    Keywords are the fields of ``resources`` in YAML, in all the forms that YAML takes. Raises InvalidTask.
    """

    __slots__ = ("_fields", "_spec")

    def __init__(self, **fields: object) -> None:
        self._fields = plain_mapping(fields, _PLACE)
        self._spec = alternatives.resources(self._fields, _PLACE)

    @property
    def spec(self) -> ResourcesSpec:
        """The plain values."""
        return self._spec

    @classmethod
    def from_dict(cls, mapping: Mapping[str, object]) -> Resources:
        """Resources from the mapping that YAML would hold. Raises InvalidTask."""
        made = cls()
        made._fields = plain_mapping(mapping, _PLACE)
        made._spec = alternatives.resources(made._fields, _PLACE)
        return made

    def to_dict(self) -> dict[str, object]:
        """The canonical mapping; ``from_dict`` reads it."""
        return alternatives.to_mapping(self._spec)

    def gpu(self, name: str, count: float = 1) -> Resources:
        """``count`` accelerators of one model on every node."""
        return self._with(accelerators={name: count}, gpus=None)

    def cpus(self, amount: float | str) -> Resources:
        """vCPUs: 4, or "4+" for at least four."""
        return self._with(cpus=amount)

    def memory(self, amount: float | str) -> Resources:
        """Memory in GiB: 16, "16+", or "4x" for each vCPU."""
        return self._with(memory=amount)

    def instance_type(self, name: str) -> Resources:
        """The provider's name of the machine."""
        return self._with(instance_type=name)

    def infra(self, place: str) -> Resources:
        """Where: ``cloud/region/zone``; ``*`` leaves a part open."""
        return self._with(infra=place, cloud=None, region=None, zone=None)

    def spot(self, use: bool = True) -> Resources:
        """Rent at spot prices."""
        return self._with(use_spot=use)

    def disk(self, size: int | str, tier: str | None = None) -> Resources:
        """The system disk: GiB or "1TB", and its tier: low, medium, high, ultra or best."""
        return self._with(disk_size=size, **({} if tier is None else {"disk_tier": tier}))

    def local_disk(self, disk: str) -> Resources:
        """A disk in the machine itself, such as "nvme:1000+"."""
        return self._with(local_disk=disk)

    def network(self, tier: str) -> Resources:
        """The network's tier: standard or best."""
        return self._with(network_tier=tier)

    def ports(self, *ports: int | str) -> Resources:
        """Ports to open, in addition to those already asked for."""
        return self._with(ports=[*self._spec.alternatives[0].ports, *ports])

    def image(self, image: str | Mapping[str, str]) -> Resources:
        """The machine image, or ``docker:IMAGE``; one for each region as a mapping."""
        return self._with(image_id=image)

    def identity(self, name: str) -> Resources:
        """The provider's identity that programs on the nodes act as: an instance profile, a service account."""
        return self._with(identity=name)

    def labels(self, **labels: str) -> Resources:
        """Labels for the provider to put on what it makes, in addition to those already given."""
        return self._with(labels={**self._spec.alternatives[0].labels, **labels})

    def autostop(
        self, after: bool | int | str = True, *, down: bool = False, wait_for: str = "jobs_and_ssh"
    ) -> Resources:
        """Stop (or remove) the cluster when idle: at once, after minutes, or after a time such as "2h"."""
        if after is False:
            return self._with(autostop=False)
        return self._with(autostop={"idle_minutes": 0 if after is True else after, "down": down, "wait_for": wait_for})

    def max_hourly_cost(self, dollars: float) -> Resources:
        """The most one node may cost, in USD per hour."""
        return self._with(max_hourly_cost=dollars)

    def job_recovery(self, strategy: str | Mapping[str, object]) -> Resources:
        """What a managed job does when its machines are lost."""
        return self._with(job_recovery=strategy)

    def priority(self, priority: int) -> Resources:
        """The order of managed jobs: -1000 to 1000, higher first."""
        return self._with(priority=priority)

    def any_of(self, *options: Resources | Mapping[str, object]) -> Resources:
        """Any of these will do, laid over what was said so far: the cheapest is taken."""
        return self._with(any_of=_options(options), ordered=None)

    def ordered(self, *options: Resources | Mapping[str, object]) -> Resources:
        """The first of these that can be had, laid over what was said so far."""
        return self._with(ordered=_options(options), any_of=None)

    def _with(self, **changes: object) -> Resources:
        changed = {key: each for key, each in {**self._fields, **changes}.items() if each is not None}
        return Resources.from_dict(changed)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Resources) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(repr(self.to_dict()))

    def __repr__(self) -> str:
        return f"Resources({', '.join(f'{key}={each!r}' for key, each in self.to_dict().items())})"


def _options(options: Sequence[Resources | Mapping[str, object]]) -> list[object]:
    return [each._fields if isinstance(each, Resources) else each for each in options]
