"""Where a task may run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api.errors import InvalidTask
from styx.spec.infra import infra
from styx.spec.model import Infra
from styx.spec.place import Place

HERE = Place(field="here")
EKS = "arn:aws:eks:us-east-1:1:cluster/x"


@pytest.mark.parametrize(
    ("written", "cloud", "region", "zone"),
    [
        ("AWS/us-east-1", "aws", "us-east-1", None),
        ("aws", "aws", None, None),
        ("*/*/us-east-1a", None, None, "us-east-1a"),
        ("gcp/us-central1/*", "gcp", "us-central1", None),
        ("gcp/*/us-central1-a", "gcp", None, "us-central1-a"),
        (f"k8s/{EKS}", "k8s", EKS, None),
        (f"kubernetes/{EKS}", "k8s", EKS, None),
        ("k8s", "k8s", None, None),
        ("ssh/pool", "ssh", "pool", None),
        ("slurm/cluster/partition", "slurm", "cluster", "partition"),
        ("foo", "foo", None, None),
        ("", None, None, None),
        ("*", None, None, None),
    ],
)
def test_forms(written: str, cloud: str | None, region: str | None, zone: str | None) -> None:
    """A cloud, a region and a zone, each of which may be left open; a Kubernetes context may hold slashes."""
    assert infra(written, HERE) == Infra(cloud, region, zone)


@pytest.mark.parametrize("written", ["aws/a/b/c", "aws//b", "/", 3, True, ["aws"], "a b", "aws/x\x1b"])
def test_refused(written: object) -> None:
    """More parts than three, an empty part and what is not text are refused."""
    with pytest.raises(InvalidTask, match="here"):
        infra(written, HERE)


part = st.none() | st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)


@given(part, part, part)
def test_writing_and_reading_gives_the_same(cloud: str | None, region: str | None, zone: str | None) -> None:
    """Every place is read back from what str() writes."""
    place = Infra(cloud, region, zone)
    assert infra(str(place), HERE) == place
