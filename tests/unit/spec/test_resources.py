"""Resources: alternatives from any_of and ordered, overrides, and the way back to a mapping."""

from __future__ import annotations

import pytest

from styx.api.errors import InvalidTask
from styx.api.offers import Accelerator
from styx.spec import Resources
from styx.spec.model import Alternative, Amount, Infra, ResourcesSpec


def alternatives(**fields: object) -> tuple[Alternative, ...]:
    """The alternatives of resources with these fields."""
    return Resources(**fields).spec.alternatives


def test_the_fluent_form_says_what_the_mapping_says() -> None:
    """Every method is one field of the mapping, and leaves the resources it is called on alone."""
    base = Resources()
    fluent = (
        base.gpu("A100", 8)
        .cpus("32+")
        .memory("4x")
        .infra("aws/us-east-1")
        .spot()
        .disk("1TB", "high")
        .local_disk("nvme")
        .network("best")
        .ports(8080)
        .ports("9000-9001")
        .image("docker:ubuntu")
        .identity("trainer")
        .labels(team="ml")
        .labels(owner="me")
        .autostop("2h", down=True)
        .max_hourly_cost(10)
        .job_recovery("failover")
        .priority(5)
        .instance_type("p4d.24xlarge")
    )
    assert fluent == Resources(
        accelerators="A100:8",
        cpus="32+",
        memory="4x",
        infra="aws/us-east-1",
        use_spot=True,
        disk_size=1024,
        disk_tier="high",
        local_disk="nvme:100+",
        network_tier="best",
        ports=[8080, "9000-9001"],
        image_id="docker:ubuntu",
        identity="trainer",
        labels={"team": "ml", "owner": "me"},
        autostop={"idle_minutes": 120, "down": True},
        max_hourly_cost=10,
        job_recovery="FAILOVER",
        priority=5,
        instance_type="p4d.24xlarge",
    )
    assert hash(fluent) == hash(Resources.from_dict(fluent.to_dict()))
    assert fluent.autostop(False).spec.alternatives[0].autostop is None
    assert repr(Resources().gpu("A100").spot()) == "Resources(accelerators='A100:1', use_spot=True)"
    assert base == Resources()
    assert base.spec == ResourcesSpec()


def test_any_of_is_laid_over_the_base() -> None:
    """Each entry is the base with its own fields on top; null puts a field back to its default."""
    found = Resources(cpus=4, use_spot=True, any_of=[{"infra": "aws"}, {"cpus": 8, "use_spot": False}, {"cpus": None}])
    assert found.spec.alternatives == (
        Alternative(cpus=Amount(4), use_spot=True, infra=Infra("aws")),
        Alternative(cpus=Amount(8)),
        Alternative(use_spot=True),
    )
    assert not found.spec.ordered


def test_labels_of_an_entry_are_added() -> None:
    """An entry's labels join those of the base, and win where both name one."""
    found = alternatives(labels={"a": "1", "b": "1"}, any_of=[{"labels": {"b": "2", "c": "2"}}, {"cpus": 1}])
    assert [each.labels for each in found] == [{"a": "1", "b": "2", "c": "2"}, {"a": "1", "b": "1"}]


def test_a_list_of_no_alternatives_says_nothing() -> None:
    """An empty ``any_of`` or ``ordered``, and an image for no region, are as if they were not there."""
    assert Resources(cpus=4, any_of=[], ordered=[], image_id={}) == Resources(cpus=4)


def test_ordered_keeps_the_order() -> None:
    """``ordered`` is a preference, and so is a list of accelerators."""
    found = Resources(ordered=[{"cpus": 8}, {"cpus": 4}])
    assert [each.cpus for each in found.spec.alternatives] == [Amount(8), Amount(4)]
    assert found.spec.ordered
    assert Resources(accelerators=["A100:1", "V100:1"]).spec.ordered
    assert not Resources(accelerators={"A100": 1, "V100": 1}).spec.ordered


def test_a_set_of_accelerators_times_any_of() -> None:
    """A set of accelerators in the base meets every entry of any_of."""
    found = alternatives(accelerators={"A100": 1, "V100": 1}, any_of=[{"infra": "aws"}, {"infra": "gcp"}])
    assert {(str(each.infra), each.accelerators[0].name) for each in found} == {
        ("aws", "A100"),
        ("aws", "V100"),
        ("gcp", "A100"),
        ("gcp", "V100"),
    }


def test_an_entry_replaces_the_accelerators_of_the_base() -> None:
    """Accelerators of an entry are instead of those of the base, not beside them."""
    (found,) = alternatives(accelerators="A100:8", any_of=[{"accelerators": "V100:1"}])
    assert found.accelerators == (Accelerator("V100", 1),)


def test_alternatives_that_say_the_same_are_one() -> None:
    """Repeating an alternative changes nothing, and one alone has no order."""
    found = Resources(ordered=[{"cpus": 4}, {"cpus": "4"}])
    assert found.spec == ResourcesSpec((Alternative(cpus=Amount(4)),), ordered=False)


def test_the_older_trio_of_place() -> None:
    """Cloud, region and zone are the same as infra, also when an entry gives only some of them."""
    (found,) = alternatives(cloud="AWS", region="us-east-1", zone="us-east-1a")
    assert found.infra == Infra("aws", "us-east-1", "us-east-1a")
    assert alternatives(zone="asia-1-a")[0].infra == Infra(None, None, "asia-1-a")
    assert alternatives(infra="aws/r", cloud=None, region=None)[0].infra == Infra("aws", "r")
    pair = alternatives(cloud="aws", any_of=[{"region": "a"}, {"region": "b"}])
    assert [each.infra for each in pair] == [Infra("aws", "a"), Infra("aws", "b")]


def test_gpus_is_another_name_for_accelerators() -> None:
    """SkyPilot's alias works, but not both at once."""
    assert Resources(gpus="A100") == Resources(accelerators="A100")
    assert Resources(gpus="V100").gpu("A100") == Resources(accelerators="A100")
    with pytest.raises(InvalidTask, match="same field"):
        Resources(gpus="A100", accelerators="A100")


def test_fluent_alternatives() -> None:
    """``any_of`` and ``ordered`` take resources or mappings, and the last of them wins."""
    either = Resources().cpus(4).any_of(Resources().gpu("A100"), {"accelerators": "H100"})
    assert len(either.spec.alternatives) == 2
    assert all(each.cpus == Amount(4) for each in either.spec.alternatives)
    assert either.ordered({"cpus": 1}, {"cpus": 2}).spec.ordered


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"cpus": "4+", "memory": "0.5"},
        {"accelerators": {"A100": 1, "H100": 8}, "cpus": 4},
        {"accelerators": ["A100:1", "H100:8"], "infra": "k8s/a/b"},
        {"ordered": [{"use_spot": True}, {}], "ports": [1, 2, 3]},
        {"any_of": [{"cloud": "aws", "region": "x"}, {"zone": "z"}], "image_id": {"x": "ami"}},
        {"autostop": {"hook": "sync", "hook_timeout": 60, "down": True}},
        {"volumes": [{"name": "v", "path": "/v"}], "priority_class": "high", "ephemeral_storage": "1TB"},
        {"accelerators": "tpu-v4-8", "accelerator_args": {"runtime_version": "tpu-vm", "tpu_vm": True}},
        {"job_recovery": {"strategy": "failover", "recover_on_exit_codes": [1, 2]}, "labels": {"a": "b"}},
    ],
)
def test_the_canonical_mapping_is_read_back(fields: dict[str, object]) -> None:
    """What to_dict gives means the same resources, and is its own canonical form."""
    found = Resources(**fields)
    again = Resources.from_dict(found.to_dict())
    assert again.spec == found.spec
    assert again.to_dict() == found.to_dict()


def test_the_canonical_mapping_says_what_is_shared_once() -> None:
    """Fields that all alternatives have stand at the top."""
    assert Resources(cpus=4, accelerators={"A100": 1, "H100": 1}).to_dict() == {
        "cpus": "4",
        "any_of": [{"accelerators": "A100:1"}, {"accelerators": "H100:1"}],
    }


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"any_of": [{}], "ordered": [{}]}, "resources.ordered", "excludes any_of"),
        ({"infra": "aws", "cloud": "aws"}, "resources.cloud", "excludes infra"),
        ({"infra": "aws", "any_of": [{"region": "x"}]}, "resources.any_of[0].region", "excludes infra"),
        ({"cloud": "aws", "any_of": [{"infra": "gcp"}]}, "resources.any_of[0].infra", "excludes the cloud"),
        ({"any_of": [{"priority": 1}, {"priority": 2}]}, "resources.priority", "not the same"),
        ({"any_of": {"cpus": 1}}, "resources.any_of", "must be a list"),
        ({"any_of": [3]}, "resources.any_of[0]", "must be a mapping"),
        ({"any_of": [{"any_of": [{}]}]}, "resources.any_of[0].any_of", "no field of this name"),
        ({"any_of": [{"accelerators": {"A": 1, "B": 1}}]}, "resources.any_of[0].accelerators", "one accelerator"),
        ({"any_of": [{"gpus": ["A", "B"]}]}, "resources.any_of[0].gpus", "one accelerator"),
        ({"accelerators": ["A", "B"], "any_of": [{}]}, "resources.any_of", "orders contradict"),
        ({"accelerators": {"A": 1, "B": 1}, "ordered": [{}]}, "resources.ordered", "orders contradict"),
        ({"any_of": [{"cpus": 1}, {"cpus": "4x"}]}, "resources.any_of[1].cpus", "vCPUs"),
        ({"use_spt": True}, "resources.use_spt", "no field of this name"),
    ],
)
def test_refused(fields: dict[str, object], field: str, says: str) -> None:
    """Contradictions are refused, and the error names the field."""
    with pytest.raises(InvalidTask, match=says) as caught:
        Resources(**fields)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("use_spt", "'use_spot'"),
        ("spot_recovery", "'job_recovery'"),
        ("accelerator", "'accelerators'"),
        ("Memory", "'memory'"),
    ],
)
def test_misspelt_fields_have_a_suggestion(key: str, hint: str) -> None:
    """An unknown field names the closest one, or the one it was renamed to."""
    with pytest.raises(InvalidTask) as caught:
        Resources(**{key: 1})
    assert hint in str(caught.value.hint)


def test_a_caller_cannot_change_them_later() -> None:
    """What was handed over is copied."""
    labels = {"a": "b"}
    found = Resources(labels=labels)
    labels["a"] = "c"
    assert found.to_dict() == {"labels": {"a": "b"}}


def test_alternatives_are_limited() -> None:
    """A few hundred choices times a few hundred others are refused."""
    many = {f"GPU{index}": 1 for index in range(999)}
    assert len(alternatives(accelerators=many)) == 999
    with pytest.raises(InvalidTask, match="the limit is"):
        Resources(accelerators=many, any_of=[{"cpus": 1}, {"cpus": 2}])
    with pytest.raises(InvalidTask, match="the limit is"):
        Resources(accelerators={**many, "A": 1, "B": 1})
