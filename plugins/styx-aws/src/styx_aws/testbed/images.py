"""Images by the public parameters that name the newest of them, made when somebody asks."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Any

_NAMES = (  # parameter, name of the image, whose
    (
        r"/aws/service/canonical/ubuntu/server/(?P<v>[\d.]+)/stable/current/(?P<arch>\w+)/hvm/ebs-(?P<d>\w+)/ami-id",
        "ubuntu/images/hvm-ssd-{d}/ubuntu-noble-{v}-{arch}-server-20261101",
        "099720109477",
    ),
    (
        r"/aws/service/deeplearning/ami/(?P<arch>\w+)/(?P<v>[\w.-]+)/latest/ami-id",
        "Deep Learning {v} (Ubuntu 24.04) 20261101",
        "898082745236",
    ),
    (
        r"/aws/service/neuron/dlami/(?P<v>[\w.-]+)/(?P<d>[\w.-]+)/latest/image_id",
        "Deep Learning AMI Neuron {v} ({d}) 20261101",
        "898082745236",
    ),
)
_ARCHITECTURES = {"amd64": "x86_64", "x86_64": "x86_64", "arm64": "arm64"}


def provide(name: str, account: str, region: str, user: str = "") -> None:
    """Have the parameter and the image that it names, where the name is one of a public image.

    ``user`` is who logs in, where that is not who the image's maker has thought of.
    """
    for pattern, called, owner in _NAMES:
        if match := re.fullmatch(pattern, name):
            said = {"arch": "amd64", **match.groupdict()}
            tags = {"styx-user": user} if user else None
            _provide(name, called.format(**said), said["arch"], account, region, owner_id=owner, tags=tags)


def _provide(parameter: str, name: str, arch: str, account: str, region: str, **more: Any) -> None:
    from moto.ssm.models import Parameter, ssm_backends

    known = ssm_backends[account][region]._parameters  # noqa: SLF001 - names below /aws cannot be put
    if known.get(parameter):
        return
    image = f"ami-{hashlib.sha256(f'{region}{parameter}'.encode()).hexdigest()[:17]}"
    register(account, region, image, name=name, architecture=_ARCHITECTURES.get(arch, "x86_64"), **more)
    newest = Parameter(  # type: ignore[abstract]
        account, parameter, image, "String", None, None, None, datetime.now(UTC), 1, "text"
    )
    known[parameter].append(newest)


def register(account: str, region: str, image_id: str, *, name: str, architecture: str, **more: Any) -> None:
    """Have an image of this id in the region."""
    from moto.ec2.models import ec2_backends
    from moto.ec2.models.amis import Ami

    backend = ec2_backends[account][region]
    backend.amis[image_id] = Ami(
        backend, image_id, name=name, architecture=architecture, public=True, virtualization_type="hvm",
        root_device_type="ebs", root_device_name="/dev/sda1", hypervisor="xen", owner_alias="amazon",
        region_name=f"{region}a", **more,
    )  # fmt: skip
