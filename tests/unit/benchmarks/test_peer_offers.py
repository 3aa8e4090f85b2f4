"""The same offers for both sides of the comparison with SkyPilot."""

import csv
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest
from benchmarks.peer import PEERS, skycsv, styxsite
from benchmarks.peer.shared import HOSTS, offers
from benchmarks.peer.tasks import GIB, VCPUS

from styx.catalog.snapshot import read

ROWS = 20_000
# What SkyPilot takes for a task that names no type; its own lists, by how the names begin.
TAKEN = {
    "alto": ("m6i.", "m6id.", "m7i.", "r6i.", "r6id.", "r7i.", "c6i."),
    "brio": ("n2-", "n4-"),
    "duo": ("Standard_D",),
}


@pytest.fixture(scope="module")
def sold():
    """What each cloud sells, few rows of it."""
    return {cloud: offers(cloud, ROWS) for cloud in PEERS}


@pytest.fixture(scope="module")
def files(sold, tmp_path_factory):
    """The rows of each of SkyPilot's files, by the cloud that they stand for."""
    folder = tmp_path_factory.mktemp("catalogs")
    skycsv.write(folder, sold)
    found = {}
    for cloud, peer in PEERS.items():
        with Path(folder, peer, "vms.csv").open(encoding="utf-8", newline="") as file:
            found[cloud] = list(csv.DictReader(file))
    return found


def key(entry):
    """What tells the rows of a cloud apart."""
    return entry.instance_type, entry.region, " ".join(entry.zones)


@pytest.mark.parametrize("cloud", [cloud for cloud in PEERS if cloud != "brio"])
def test_each_offer_is_a_row_of_the_same_price(sold, files, cloud):
    """SkyPilot's file has the offers of the cloud, in the same places and at the same prices."""
    rows = {
        (row["InstanceType"], row["Region"], row.get("AvailabilityZone", "")): Decimal(row["Price"])
        for row in files[cloud]
    }
    assert rows == {key(entry): entry.hourly for entry in sold[cloud]}


def test_a_machine_and_its_accelerators_cost_together_what_the_offer_does(sold, files):
    """Where SkyPilot adds the price of the accelerators to that of the machine, the sum is the offer's."""
    machines, devices = {}, {}
    for row in files["brio"]:
        place = row["Region"], row["AvailabilityZone"]
        if row["InstanceType"]:
            machines[row["InstanceType"], *place] = Decimal(row["Price"])
        else:
            host = HOSTS[row["AcceleratorName"], int(float(row["AcceleratorCount"]))]
            devices[host, *place] = Decimal(row["Price"])
    assert devices
    together = {where: price + devices.get(where, 0) for where, price in machines.items()}
    assert together == {key(entry): entry.hourly for entry in sold["brio"]}


def test_one_price_in_a_region(files):
    """On-demand prices are the same in all zones of a region, which SkyPilot takes for granted."""
    for rows in files.values():
        prices = defaultdict(set)
        for row in rows:
            what = row["InstanceType"], row["AcceleratorName"], row["AcceleratorCount"], row["Region"]
            prices[what].add(row["Price"])
        assert {len(each) for each in prices.values()} == {1}


@pytest.mark.parametrize("cloud", TAKEN)
def test_the_cheapest_machine_without_accelerators_is_one_that_skypilot_takes(sold, cloud):
    """Its lists of families hold the one that an optimizer without such lists chooses."""
    large = [entry for entry in sold[cloud] if entry.vcpus >= VCPUS and entry.memory_gib >= GIB]
    plain = [entry for entry in large if entry.accelerator is None and entry.arch == "x86_64"]
    assert min(plain, key=lambda entry: entry.hourly).instance_type.startswith(TAKEN[cloud])


@pytest.mark.parametrize("cloud", ["coda", "etude"])
def test_no_accelerator_is_cheaper_than_none_where_skypilot_does_not_tell_them_apart(sold, cloud):
    """At those clouds, the cheapest machine of the size is one without accelerators, and of the usual architecture."""
    large = [entry for entry in sold[cloud] if entry.vcpus >= VCPUS and entry.memory_gib >= GIB]
    assert {entry.arch for entry in large} == {"x86_64"}
    assert min(large, key=lambda entry: entry.hourly).accelerator is None


def test_styx_gets_them_as_packages(sold, tmp_path):
    """Each cloud is a package whose snapshot reads back as what is sold, with a manifest that offers the cloud."""
    styxsite.write(tmp_path, sold)
    for cloud, entries in sold.items():
        package = tmp_path / f"styx_{cloud}"
        snapshot = read(package / "catalog")
        assert {row.instance_type for row in snapshot.prices} == {entry.instance_type for entry in entries}
        assert f'target = "styx_{cloud}.cloud:Shop"' in (package / "styx-plugin.toml").read_text()
