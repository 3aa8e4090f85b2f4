"""Snapshots as text: what is written is read again, what makes no sense is left out, what cannot be read is told."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given

from styx.api import Accelerator, CatalogEntry, CatalogError, TransferPrice
from styx.catalog.amounts import exact
from styx.catalog.entries import to_snapshot, transfer_of
from styx.catalog.rows import Snapshot, TypeRow
from styx.catalog.snapshot import read, write
from support.catalogs import SOURCES, TODAY, entries, entry, write_catalog


def entries_of(snapshot: Snapshot) -> Iterator[CatalogEntry]:
    """Every price of a snapshot with what the type is, as an entry."""
    types = {row.instance_type: row for row in snapshot.types}
    for price in snapshot.prices:
        kind = types[price.instance_type]
        yield CatalogEntry(
            instance_type=kind.instance_type,
            vcpus=kind.vcpus,
            memory_gib=kind.memory_gib,
            region=price.region,
            source=price.source,
            zones=price.zones,
            hourly=None if price.hourly is None else exact(price.hourly),
            spot=None if price.spot is None else exact(price.spot),
            arch=kind.arch,
            accelerator=_accelerator(kind),
            disk_gib=kind.disk_gib,
            capabilities=frozenset(kind.capabilities),
            as_of=price.as_of,
            type_source=kind.source,
        )


def _accelerator(row: TypeRow) -> Accelerator | None:
    if not row.accelerator:
        return None
    return Accelerator(row.accelerator, row.accelerator_count, row.accelerator_memory_gib)


@given(entries())
def test_what_is_written_is_read_again(found: list[CatalogEntry]) -> None:
    """Every fact survives, and what Styx writes passes its own strict check."""
    moves = [TransferPrice("*", "internet", Decimal("0.09"), "list"), TransferPrice("east", "west", Decimal(0), "list")]
    snapshot = to_snapshot("acme", TODAY, SOURCES, found, moves)
    assert not snapshot.skipped
    with TemporaryDirectory() as folder:
        write(snapshot, Path(folder))
        again = read(Path(folder), "acme", strict=True)
    assert again == snapshot
    assert list(transfer_of(again)) == sorted(moves, key=lambda each: each.from_region)
    sold = {(e.instance_type, e.region, zone): (e.hourly, e.spot) for e in found for zone in e.zones or ("",)}
    assert {
        (e.instance_type, e.region, zone): (e.hourly, e.spot) for e in entries_of(again) for zone in e.zones or ("",)
    } == sold
    facts = {e.instance_type: (e.vcpus, e.memory_gib, e.arch, e.accelerator, e.disk_gib) for e in found}
    assert {
        e.instance_type: (e.vcpus, e.memory_gib, e.arch, e.accelerator, e.disk_gib) for e in entries_of(again)
    } == facts


def test_zones_with_one_price_share_a_row() -> None:
    """A region whose zones differ has a row for each price, and no more."""
    snapshot = to_snapshot(
        "acme", TODAY, SOURCES,
        [entry("t1", "1", zones=("e2",)), entry("t1", "1.0", zones=("e1",)), entry("t1", "2", zones=("e3",))],
    )  # fmt: skip
    assert [row.zones for row in snapshot.prices] == [("e1", "e2"), ("e3",)]


@pytest.mark.parametrize(
    ("file", "row", "reason"),
    [
        ("types.csv", "t2,x,16,x86_64,,,,,,list", "vcpus is 'x'"),
        ("types.csv", "t2,nan,16,x86_64,,,,,,list", "vcpus is 'nan'"),
        ("types.csv", "t2,-4,16,x86_64,,,,,,list", "vcpus is '-4'"),
        ("types.csv", "t2,4,16,x86_64,A100,,,,,list", "without a count"),
        ("types.csv", "t2,4,16,x86_64,,,,,,nowhere", "of which nothing is said"),
        ("types.csv", "t1,4,16,x86_64,,,,,,list", "is there twice"),
        ("types.csv", ",4,16,x86_64,,,,,,list", "is no name"),
        ("prices.csv", "t2,east,,1,,list,", "types.csv has no t2"),
        ("prices.csv", "t1,west,,1e3,,list,", "hourly is '1e3'"),
        ("prices.csv", "t1,west,,0,,list,", "the cell is empty"),
        ("prices.csv", "t1,west,,,-1,list,", "spot is '-1'"),
        ("prices.csv", "t1,west,,1,,list,yesterday", "not a date"),
        ("prices.csv", "t1,east,,2,,list,", "is there twice"),
        ("prices.csv", "t1,a\x1bb,,2,,list,", "is no name"),
        ("transfer.csv", "east,west,cheap,list", "usd_per_gib is 'cheap'"),
    ],
)
def test_a_row_that_makes_no_sense_is_left_out(tmp_path: Path, file: str, row: str, reason: str) -> None:
    """The others count, the row is told with its place, and a strict check names it."""
    write_catalog(tmp_path, [entry("t1", "1")])
    path = tmp_path / file
    before = path.read_text() if path.exists() else "from_region,to_region,usd_per_gib,source\n"
    path.write_text(f"{before}{row}\n")
    snapshot = read(tmp_path)
    assert [price.instance_type for price in snapshot.prices] == ["t1"]
    assert [(skipped.file, reason in skipped.reason) for skipped in snapshot.skipped] == [(file, True)]
    with pytest.raises(CatalogError, match=reason) as raised:
        read(tmp_path, strict=True)
    assert (raised.value.file, raised.value.line) == (str(path), snapshot.skipped[0].line)


@pytest.mark.parametrize(
    ("file", "text", "problem", "line"),
    [
        ("types.csv", None, "no such file", None),
        ("types.csv", b"", "its first line is", 1),
        ("prices.csv", b"instance_type;region\n", "its first line is", 1),
        ("prices.csv", b"instance_type,region,zones,hourly,spot,source,as_of\nt1,east,,1\n", "4 columns, not 7", 2),
        ("prices.csv", b"instance_type,region,zones,hourly,spot,source,as_of\nt1,east,,1,,li", "cut off", 2),
        ("prices.csv", b"instance_type,region,zones,hourly,spot,source,as_of\n\xff\n", "not UTF-8", 2),
        ("prices.csv", b'instance_type,region,zones,hourly,spot,source,as_of\n"t1"x,east,,1,,list,\n', "not CSV", 2),
        ("snapshot.toml", None, "no such file", None),
        ("snapshot.toml", b"cloud = ", "not TOML", None),
        ("snapshot.toml", b"", "does not say of which format it is; is the file cut off", None),
        ("snapshot.toml", b'cloud = "acme"\nformat = 2\n', "format is 2", None),
        ("snapshot.toml", b'cloud = "other"\nformat = 1\n', "it is of 'other'", None),
        ("snapshot.toml", b'cloud = "acme"\nformat = 1\ncurrency = "EUR"\n', "currency is 'EUR'", None),
        ("snapshot.toml", b'cloud = "acme"\nformat = 1\ncurrency = "USD"\n', "no table", None),
        (
            "snapshot.toml",
            b'cloud = "acme"\nformat = 1\ncurrency = "USD"\nas_of = 2026-11-30\n[sources.a]\nwhat = "w"\nfrom = 1\n',
            "sources.a: from is 1",
            None,
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_told(
    tmp_path: Path, file: str, text: bytes | None, problem: str, line: int | None
) -> None:
    """The error names the cloud, the file and, where there is one, the line."""
    write_catalog(tmp_path, [entry("t1", "1")])
    path = tmp_path / file
    path.unlink()
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(CatalogError, match=problem) as raised:
        read(tmp_path, "acme")
    assert raised.value.details == {"cloud": "acme", "file": str(path)} | ({"line": line} if line else {})


def test_a_strict_check_wants_order(tmp_path: Path) -> None:
    """Rows out of order would make two snapshots differ that say the same."""
    write_catalog(tmp_path, [entry("t1", "1"), entry("t2", "1")])
    path = tmp_path / "prices.csv"
    head, *rows = path.read_text().splitlines(keepends=True)
    path.write_text(head + "".join(reversed(rows)))
    assert len(read(tmp_path).prices) == 2
    with pytest.raises(CatalogError, match="not sorted: 't2' is where 't1' belongs"):
        read(tmp_path, strict=True)


def test_an_entry_that_makes_no_sense_is_left_out() -> None:
    """A refresher's mistake costs its own entry, by number, and no other."""
    snapshot = to_snapshot(
        "acme", TODAY, SOURCES, [entry("t1", "1"), entry("t2", "-1"), entry("t3", "2", vcpus=float("nan"))]
    )
    assert [row.instance_type for row in snapshot.prices] == ["t1"]
    assert [(skipped.line, skipped.reason.partition(" is ")[0]) for skipped in snapshot.skipped] == [
        (3, "vcpus"), (2, "hourly"), (3, "types.csv has no t3"),
    ]  # fmt: skip
