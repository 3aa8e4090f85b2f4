"""The walk through ``docs/write-a-cloud.md``: every block, in order, in an empty directory with an empty home."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from support.nimbus import PLUGIN, ROOT

PAGE = ROOT / "docs" / "write-a-cloud.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"`((?:src|tests)/[\w./]+\.py)`")
PORT = "8750"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@dataclass(frozen=True)
class Block:
    """One block of the page: its language, text, and the file that the prose above it names, if any."""

    number: int
    language: str
    text: str
    file: str


def blocks() -> list[Block]:
    """All blocks of the page."""
    page, found, end = PAGE.read_text(encoding="utf-8"), [], 0
    for number, match in enumerate(BLOCK.finditer(page)):
        files = FILE.findall(page[end : match.start()])
        found.append(Block(number, match[1], match[2], files[-1] if files else ""))
        end = match.end()
    return found


def script(found: list[Block], place: Path) -> str:
    """The blocks as one session of a shell: commands are run, and what is to be in a file is put there."""
    lines = ["set -e", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    for block in found:
        kept = place / str(block.number)
        kept.write_text(block.text)
        match block.language:
            case "sh":
                lines += [f"echo @@{block.number}", block.text]
                if "-m venv" in block.text:  # what a user's pip would fetch is borrowed from where the tests run
                    lines.append(
                        'cp "$BORROWED" "$(python -c "import sysconfig; print(sysconfig.get_path(\'purelib\'))")"'
                    )
            case "python":
                lines.append(f"cp {kept} {block.file}")
            case "py":
                lines.append(f"{{ echo; cat {kept}; }} >> src/styx_nimbus/cloud.py")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, str]]:
    """The directory after the walk, and what each block of commands wrote."""
    if shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("needs sshd (Debian: openssh-server)")
    if subprocess.run([sys.executable, "-c", "import ensurepip"], check=False, capture_output=True).returncode:
        pytest.skip("needs a Python that can make virtual environments (Debian: python3-venv)")
    place, kept = tmp_path_factory.mktemp("walk"), tmp_path_factory.mktemp("blocks")
    (kept / "borrowed.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        "PATH": f"{sys.base_prefix}/bin:{os.environ['PATH']}:/usr/sbin", "HOME": str(place), "NO_COLOR": "1",
        "STYX": str(ROOT), "STYX_HOME": str(place / ".styx"), "BORROWED": str(kept / "borrowed.pth"),
        "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore", "PIP_CONFIG_FILE": os.devnull, "COLUMNS": "200",
    }  # fmt: skip
    text = script(blocks(), kept).replace(PORT, str(port))
    for path in kept.glob("*[0-9]"):
        path.write_text(path.read_text().replace(PORT, str(port)))
    done = subprocess.run(
        ["bash", "-c", text], cwd=place, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=380, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
    parts = re.split(r"^@@(\d+)\n", done.stdout, flags=re.MULTILINE)
    return place, {int(number): said for number, said in zip(parts[1::2], parts[2::2], strict=True)}


def test_the_walk_shows_what_the_page_does(walk: tuple[Path, dict[int, str]]) -> None:
    """Each output that is shown is what the commands above it wrote, the dots aside."""
    _, said = walk
    found = blocks()
    for commands, shown in pairwise(found):
        if shown.language == "text":
            assert commands.language == "sh"
            for line in shown.text.splitlines():
                pattern = ".*".join(re.escape(" ".join(part.split())) for part in line.split("..."))
                written = [" ".join(each.split()) for each in said[commands.number].splitlines()]
                assert any(re.search(pattern, each) for each in written), (line, said[commands.number])


def test_the_walk_ends_with_a_task_on_the_new_cloud(walk: tuple[Path, dict[int, str]]) -> None:
    """The task has run on a machine of the market, and nothing of it is left."""
    _, said = walk
    (launched,) = [text for text in said.values() if "launching 1x cpu.small on nimbus/oslo" in text]
    assert "\nhi\n" in launched
    assert "Cluster first is gone." in "".join(said.values())


def test_the_walk_builds_the_example(walk: tuple[Path, dict[int, str]]) -> None:
    """What a reader has in the end is the plugin that ships as an example, to the letter but for the port."""
    place, _ = walk
    for name in ("cloud.py", "errors.py", "config.py"):
        written = (place / "styx-nimbus" / "src" / "styx_nimbus" / name).read_text()
        assert re.sub(r"127.0.0.1:\d+", "", written) == re.sub(
            r"127.0.0.1:\d+", "", (PLUGIN / "src" / "styx_nimbus" / name).read_text()
        )
    assert list((place / "styx-nimbus" / "dist").glob("styx_nimbus-*.whl"))


def test_secrets_are_in_no_output(walk: tuple[Path, dict[int, str]]) -> None:
    """The token that was wrong is shown by no command."""
    _, said = walk
    refused = next(text for text in said.values() if "the token is missing or wrong" in text)
    assert "Bearer" not in refused
