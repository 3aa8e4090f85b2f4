"""Draw the picture in the README: run commands for real, and write what they print as docs/run.svg."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
STYX = str(Path(sys.executable).with_name("styx"))
COMMANDS = (
    "styx launch -c dev examples/gang.yaml",
    "styx exec dev -- 'echo again, at once'",
    "styx queue dev",
    "styx status",
    "styx down -y dev",
)


def main() -> None:
    """Run, record, write."""
    console = Console(record=True, width=92, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory(prefix="styx-") as home:
        env = os.environ | {"STYX_HOME": home, "COLUMNS": "92"}
        for command in COMMANDS:
            console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
            done = subprocess.run(
                ["/bin/sh", "-c", command.replace("styx", STYX, 1)],
                cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True,
            )  # fmt: skip
            console.print(Text.from_ansi(done.stdout))
    svg = console.export_svg(title="styx", unique_id="styx")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # nothing is fetched to show it
    svg = svg.replace("Fira Code, monospace", "ui-monospace, Menlo, Consolas, monospace")
    (ROOT / "docs" / "run.svg").write_text(
        "\n".join(line.rstrip() for line in svg.splitlines()) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
