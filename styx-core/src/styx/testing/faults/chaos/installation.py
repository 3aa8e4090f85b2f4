"""A real installation in a directory of its own, and the processes that use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from styx.store import Store
from styx.testing.faults.audit import Book, Truth
from styx.testing.faults.chaos.places import Place

PATIENCE = 300.0  # seconds for a command that nobody kills
_MAIN = "import sys; from styx.cli.main import main; sys.exit(main())"


class Installation:
    """``$STYX_HOME`` at ``root/home``, with these clouds and no other."""

    def __init__(self, root: Path, places: Sequence[Place]) -> None:
        self.root, self.places = root, places
        self.home = root / "home"
        self.home.mkdir(parents=True)
        for place in places:
            place.install(root)
        names = ", ".join(place.name for place in places)
        settings = "".join(place.settings for place in places)
        (self.home / "config.yaml").write_text(f"allowed_clouds: [{names}]\nclouds:\n{settings}", encoding="utf-8")

    def popen(self, *arguments: str) -> subprocess.Popen[str]:
        """Start ``styx`` with these arguments."""
        return subprocess.Popen(
            [sys.executable, "-c", _MAIN, *arguments], env=self._environment(), cwd=self.root, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def styx(self, *arguments: str) -> tuple[int, str, str]:
        """Run it to its end: exit code, output, errors."""
        with self.popen(*arguments) as process:
            try:
                out, err = process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return process.returncode, out, err

    def json(self, *arguments: str) -> Any:
        """What it prints as JSON. Raises AssertionError when it fails."""
        code, out, err = self.styx(*arguments, "-o", "json")
        if code:
            raise AssertionError(f"styx {' '.join(arguments)} ended with {code}: {err.strip() or out.strip()}")
        return json.loads(out)

    def book(self) -> Book:
        """What is on record, read from the database itself."""
        with Store.open(home=self.home) as store:
            records = store.clusters.list()
            names = {record.name for record in records} | {a.cluster for a in store.attempts.unclosed()}
            attempts = [attempt for name in sorted(names) for attempt in store.attempts.of(name)]
            return Book(records, {record.name: store.nodes.of(record.name) for record in records}, attempts)

    def truth(self) -> Truth:
        """What is really there."""
        return Truth(tuple(thing for place in self.places for thing in place.things()))

    def orphans(self) -> frozenset[str]:
        """The ids that ``styx status --orphans`` shows."""
        found = self.json("status", "--orphans")["orphans"]
        return frozenset(each["id"] for orphan in found for each in (*orphan["nodes"], *orphan["leftovers"]))

    def close(self) -> None:
        """End what still runs."""
        for place in self.places:
            place.close()

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("STYX_", "_STYX_"))}
        path = os.pathsep.join(filter(None, (str(self.root / "site"), kept.get("PYTHONPATH", ""))))
        return kept | {"STYX_HOME": str(self.home), "HOME": str(self.root), "PYTHONPATH": path, "NO_COLOR": "1"}
