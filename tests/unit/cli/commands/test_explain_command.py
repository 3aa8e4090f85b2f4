"""``styx explain``."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from styx.api import NoOffer
from styx.cli import explained
from styx.engine.explain import Refused, RuledOut
from styx.spec.model import Alternative
from support.fake_client import FakeClient, choice

FIRST = choice("aws/us-east-1", "p4d.24xlarge", "20", gpus=("A100", 8))
DEARER = choice("gcp/us-central1", "a2-highgpu-8g", "30", gpus=("A100", 8))
ELSEWHERE = choice("aws/us-west-2", "p4d.24xlarge", "25", gpus=("A100", 8))
UNPRICED = choice("acme/here", "box", None)


@pytest.fixture(autouse=True)
def offers(client: FakeClient) -> FakeClient:
    """Four offers that fit, one of which was refused, clouds that have none, and some that only have a catalog."""
    client.choices = (FIRST, ELSEWHERE, DEARER, UNPRICED)
    client.refused = (Refused(DEARER, "no capacity", datetime(2026, 1, 2, 3, 4, tzinfo=UTC)),)
    client.ruled_out = (RuledOut("local", "no accelerator, wanted 8x A100"), RuledOut("ssh (lab)", "unreachable"))
    lambda_offer = choice("lambda/x", "gpu_8x", None).offer
    client.not_yet = (RuledOut("lambda", "", lambda_offer, Decimal("15.92")), RuledOut("azure", "not sold as spot"))
    return client


def words(text: str) -> list[list[str]]:
    """The words of each line."""
    return [line.split() for line in text.splitlines()]


def test_it_reads_well(styx):
    """First what is chosen and why; then the best of each other type, what was refused, and what has nothing."""
    said = styx("explain", "--", "x").stdout
    parts = said.rstrip().split("\n\n")
    chosen, why = parts[0].split(": ")
    assert chosen == "p4d.24xlarge on aws/us-east-1, $20.00 an hour"
    assert why == "the cheapest of 3 offers that fit and were not refused of late."
    assert words(parts[1]) == [
        ["RUNNER-UP", "INSTANCE", "VCPUS", "MEMORY", "ACCELERATORS", "COST/H", "COMPARED"],
        ["gcp/us-central1", "a2-highgpu-8g", "96", "1152", "GiB", "8x", "A100", "$30.00", "+50%"],
        ["acme/here", "box", "96", "1152", "GiB", "-", "-", "-"],
    ]
    assert words(parts[2])[1][:4] == ["gcp/us-central1", "a2-highgpu-8g", "no", "capacity"]
    assert words(parts[3]) == [
        ["RULED", "OUT", "WHY", "NEAREST", "ACCELERATORS", "COST/H"],
        ["local", "no", "accelerator,", "wanted", "8x", "A100", "-", "-", "-"],
        ["ssh", "(lab)", "unreachable", "-", "-", "-"],
    ]
    assert words(parts[4]) == [
        ["NO", "PLUGIN", "YET", "FITS", "BEST", "OFFER", "ACCELERATORS", "COST/H"],
        ["lambda", "yes", "gpu_8x", "in", "x", "-", "$15.92"],
        ["azure", "no:", "not", "sold", "as", "spot", "-", "-", "-"],
    ]


def test_how_much_more_it_costs(styx, client: FakeClient):
    """In percent, or in times where that is much."""
    prices = "20", "10", "199", "200", "5000"
    client.choices = tuple(choice("aws/us-east-1", f"type-{price}", price) for price in prices)
    compared = [line.split()[7:] for line in styx("explain", "--", "x").stdout.splitlines() if " type-" in line]
    assert compared == [["-50%"], ["+895%"], ["10", "times"], ["250", "times"]]


def test_all_offers(styx):
    """With --all also the dearer places of a type."""
    assert "aws/us-west-2" in styx("explain", "--all", "--", "x").stdout
    assert "aws/us-west-2" not in styx("explain", "--", "x").stdout


def test_as_json(styx):
    """The same, with every offer that fits."""
    found = json.loads(styx("explain", "-o", "json", "--", "x").stdout)
    assert found["chosen"]["hourly_cost"] == "20"
    assert [each["infra"] for each in found["runners_up"]] == ["aws/us-west-2", "gcp/us-central1", "acme/here"]
    assert found["ruled_out"][0] == {"cloud": "local", "why": "no accelerator, wanted 8x A100", "nearest": None}
    assert found["not_yet"][0]["nearest"]["hourly_cost"] == "15.92"
    assert found["not_yet"][0]["why"] is None
    assert found["refused"][0]["reason"] == "no capacity"


def test_what_is_bought_is_told(styx, client: FakeClient):
    """Spot, several nodes and that costs are of all of them, the task's name, and whose preference it was."""
    spot = replace(FIRST, alternative=Alternative(use_spot=True))
    client.choices = (spot, DEARER)
    said = styx("explain", "--num-nodes", "2", "--name", "train", "--", "x").stdout
    assert said.startswith(
        "train: 2 nodes of p4d.24xlarge (spot) on aws/us-east-1, $20.00 an hour: all that fits and was"
    )
    assert said.count("COST/H, 2 NODES") == said.count("ACCELERATORS") == 3
    client.choices = (DEARER,)
    assert "all that fits was refused of late, and this is asked for first." in styx("explain", "--", "x").stdout
    client.choices, client.refused = (FIRST,), ()
    assert "all that fits." in styx("explain", "--", "x").stdout


def test_nothing_fits(styx, client: FakeClient):
    """The exit code is that of a launch, which could make nothing."""
    client.choices, client.mistake = (), "Nothing known has it. Did you mean 'A100'?"
    result = styx("explain", "--", "x")
    assert (result.exit_code, explained.NOTHING_FITS) == (NoOffer.exit_code, NoOffer.exit_code)
    assert result.stdout.startswith("Nothing that can be launched fits. Nothing known has it. Did you mean 'A100'?\n\n")
    client.mistake = None
    assert styx("explain", "--", "x").stdout.startswith("Nothing that can be launched fits. `styx check` shows ")


def test_files_of_the_task_need_not_be_there(styx, tmp_path):
    """Where it would run does not depend on them."""
    (tmp_path / "t.yaml").write_text("workdir: ./nowhere\nrun: x\n")
    assert styx("explain", "t.yaml").exit_code == 0
    assert styx("launch", "--dryrun", "t.yaml").exit_code == 2
