"""A snapshot as plain text: a folder of CSV files, one fact a row, sorted, so that two of them can be compared by eye.

``snapshot.toml`` says of which cloud and day it is and where its facts come from, ``types.csv`` what there is,
``prices.csv`` where and for how much, and ``transfer.csv``, which may be missing, what moving data costs. Rows that
make no sense are left out and counted; a file that cannot be read at all is an error. See docs/catalog.md.
"""

from __future__ import annotations

import csv
import json
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

from styx.api.catalog import Source
from styx.api.errors import CatalogError
from styx.catalog import files
from styx.catalog.gather import Gathering
from styx.catalog.rows import (
    PriceRow,
    Snapshot,
    TransferRow,
    TypeRow,
    day,
    write_price,
    write_transfer,
    write_type,
)

FORMAT = 1
CURRENCY = "USD"


def read(folder: Path, cloud: str | None = None, *, strict: bool = False) -> Snapshot:
    """The snapshot in a folder, of that cloud if one is named.

    Raises CatalogError with file and line for one that cannot be read; with ``strict``, as the tests of a package want
    it, also for the first row that is left out or out of order.
    """
    name, as_of, sources = _about(folder / files.ABOUT, cloud)
    gathering = Gathering(sources)
    for file, fields, add in (
        (files.TYPES, TypeRow._fields, gathering.add_type),
        (files.PRICES, PriceRow._fields, gathering.add_price),
        (files.TRANSFER, TransferRow._fields, gathering.add_transfer),
    ):
        _read_table(folder / file, fields, add, name)
    snapshot = assemble(name, as_of, sources, gathering)
    if strict:
        _check(folder, snapshot, gathering)
    return snapshot


def date_of(folder: Path, cloud: str) -> date:
    """The day of which a snapshot is. Only ``snapshot.toml`` is read. Raises CatalogError."""
    return _about(folder / files.ABOUT, cloud)[1]


def assemble(cloud: str, as_of: date, sources: Mapping[str, Source], gathering: Gathering) -> Snapshot:
    """The snapshot of what was gathered, sorted."""
    return Snapshot(
        cloud=cloud,
        as_of=as_of,
        sources=dict(sorted(sources.items())),
        types=sorted(gathering.types.values()),
        prices=sorted(gathering.prices, key=_by_place),
        transfer=sorted(gathering.transfer.values()),
        skipped=tuple(gathering.skipped),
    )


def write(snapshot: Snapshot, folder: Path) -> None:
    """Write the files of a snapshot into a folder, each whole or not at all. Raises OSError.

    The folder as a whole is not replaced at one stroke: see :mod:`styx.catalog.update` for one that others read.
    """
    from styx.plugins.paths import write_atomically

    for file, text in _texts(snapshot).items():
        write_atomically(str(folder / file), text)
    if not snapshot.transfer:
        (folder / files.TRANSFER).unlink(missing_ok=True)


def _texts(snapshot: Snapshot) -> dict[str, str]:
    texts = {
        files.TYPES: _table(TypeRow._fields, map(write_type, snapshot.types)),
        files.PRICES: _table(PriceRow._fields, map(write_price, snapshot.prices)),
    }
    if snapshot.transfer:
        texts[files.TRANSFER] = _table(TransferRow._fields, map(write_transfer, snapshot.transfer))
    return {**texts, files.ABOUT: "\n".join(_about_lines(snapshot)) + "\n"}


def _table(fields: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(fields)
    writer.writerows(rows)
    return text.getvalue()


def _about_lines(snapshot: Snapshot) -> Iterator[str]:
    yield from (f"cloud = {_quoted(snapshot.cloud)}", f"format = {FORMAT}", f"as_of = {snapshot.as_of}")
    yield f"currency = {_quoted(CURRENCY)}"
    for name, source in sorted(snapshot.sources.items()):
        yield from ("", f"[sources.{_quoted(name)}]", f"what = {_quoted(source.what)}")
        yield from (f"from = {_quoted(source.published)}", f"as_of = {source.as_of}")
        if source.licence:
            yield f"licence = {_quoted(source.licence)}"


def _quoted(text: str) -> str:
    """A string of TOML; JSON escapes all that it must but one character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _about(path: Path, cloud: str | None) -> tuple[str, date, dict[str, Source]]:
    known = cloud or path.parent.name
    try:
        data = tomllib.loads(_text(path, known))
    except tomllib.TOMLDecodeError as error:
        raise corrupt(known, path, f"it is not TOML: {error}") from error
    if "format" not in data:
        raise corrupt(known, path, "it does not say of which format it is; is the file cut off?")
    found = data["format"]
    if found != FORMAT or isinstance(found, bool):
        problem = f"format is {found!r}, and this version of Styx reads {FORMAT}"
        raise corrupt(known, path, problem, hint="Install a newer styx-core, or an older version of the package.")
    try:
        name = _field(data, "cloud")
        if cloud not in (None, name):
            raise ValueError(f"it is of {name!r}, not of {cloud!r}")
        if data.get("currency") != CURRENCY:
            raise ValueError(f"currency is {data.get('currency')!r}, not {CURRENCY!r}")
        sources = data.get("sources", {})
        if not isinstance(sources, dict) or not sources:
            raise ValueError("there is no table [sources.NAME] that says where its facts come from")
        return name, _day(data, "as_of"), {each: _source(each, table) for each, table in sources.items()}
    except ValueError as error:
        raise corrupt(known, path, str(error)) from error


def _source(name: str, table: object) -> Source:
    if not isinstance(table, dict):
        raise ValueError(f"sources.{name} is not a table")  # noqa: TRY004 - like the other things that are wrong in it
    try:
        licence = _field(table, "licence") if "licence" in table else ""
        return Source(_field(table, "what"), _field(table, "from"), _day(table, "as_of"), licence)
    except ValueError as error:
        raise ValueError(f"sources.{name}: {error}") from None


def _field(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{key} is missing" if value is None else f"{key} is {value!r}, not a text")
    return value


def _day(table: Mapping[str, Any], key: str) -> date:
    value = table.get(key)
    if value is None:
        raise ValueError(f"{key} is missing")
    return value if type(value) is date else day(str(value))


def _read_table(path: Path, fields: Sequence[str], add: Callable[[Sequence[str], int], None], cloud: str) -> None:
    if path.name == files.TRANSFER and not path.exists():
        return
    text = _text(path, cloud)
    if text and not text.endswith("\n"):
        raise corrupt(cloud, path, "its last line does not end; is the file cut off?", text.count("\n") + 1)
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    try:
        head = next(reader, [])
        if tuple(head) != tuple(fields):
            problem = f"its first line is {','.join(head)[:200]!r}, not {','.join(fields)!r}"
            raise corrupt(cloud, path, problem, 1)
        for cells in reader:
            if len(cells) != len(fields):
                problem = f"the row has {len(cells)} columns, not {len(fields)}; is the file cut off?"
                raise corrupt(cloud, path, problem, reader.line_num)
            add(cells, reader.line_num)
    except csv.Error as error:
        raise corrupt(cloud, path, f"it is not CSV: {error}", reader.line_num) from error


def _text(path: Path, cloud: str) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise corrupt(cloud, path, "there is no such file") from None
    except OSError as error:
        raise corrupt(cloud, path, f"it cannot be read: {error.strerror}") from error
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise corrupt(cloud, path, "it is not UTF-8 text", data.count(b"\n", 0, error.start) + 1) from None


def corrupt(cloud: str, path: Path, problem: str, line: int | None = None, *, hint: str | None = None) -> CatalogError:
    """The error that says what is wrong with a file of a snapshot."""
    return CatalogError(
        f"the catalog of {cloud} cannot be used: {problem}",
        hint=hint,
        cloud=cloud,
        file=str(path),
        line=line,
    )


def _by_place(row: PriceRow) -> tuple[str, str, tuple[str, ...]]:
    return row[:3]


def _check(folder: Path, snapshot: Snapshot, gathering: Gathering) -> None:
    for skipped in snapshot.skipped:
        raise corrupt(snapshot.cloud, folder / skipped.file, skipped.reason, skipped.line)
    for file, found, ordered in (
        (files.TYPES, list(gathering.types.values()), snapshot.types),
        (files.PRICES, gathering.prices, snapshot.prices),
        (files.TRANSFER, list(gathering.transfer.values()), snapshot.transfer),
    ):
        for row, right in zip(found, ordered, strict=True):
            if row != right:
                problem = f"rows are not sorted: {row[0]!r} is where {right[0]!r} belongs"
                raise corrupt(snapshot.cloud, folder / file, problem)
