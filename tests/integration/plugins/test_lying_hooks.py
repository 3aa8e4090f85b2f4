"""Hooks and stores that fail in every way, all installed at once: each is named, and the rest goes on."""

import json
from pathlib import Path

from support.plugin_packages import Package

HOOKS = {
    "raises": ("raise ValueError('boom')", "ValueError: boom"),
    "quits": ("sys.exit(9)", "it called sys.exit(9)"),
    "ctrlc": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "number": ("return 7", "no list of DoctorFinding"),
    "mixed": ("return [None, 1]", "no list of DoctorFinding"),
}
STORAGE = """
from styx.api import Storage


class Shelf(Storage):
    name = "shelf"
    schemes = ("shelf",)

    def check(self): raise OSError(5, "Input/output error", "/dev/shelf")
    def create(self, bucket): raise OSError(5, "no")
    def delete(self, bucket): raise OSError(5, "no")
    def buckets(self): raise OSError(5, "no")
    def list(self, uri): raise OSError(5, "no")
    def upload(self, source, uri): raise OSError(5, "no")
    def download(self, uri, target): raise OSError(5, "Input/output error", "/dev/shelf")
"""


def install_hooks(site: Path, *hooks: str, main_thread: bool = True) -> None:
    """One plugin for each way to fail."""
    for name, (body, _) in HOOKS.items():
        if name == "ctrlc" and main_thread:  # there it is the user's own
            continue
        manifest = (
            f'name = "{name}"\nsummary = "S."\nimplements = {json.dumps(hooks)}\nhooks = "styx_{name}.hooks"\n'
            '[contract]\nhooks = "1.0"\n'
        )
        source = "import sys\n" + "".join(f"def {hook}(**_): {body}\n" for hook in hooks)
        Package(name=name, manifest=manifest, modules={"hooks": source}, clouds=()).install(site)


def test_the_doctor_names_who_failed(styx, site: Path):
    """Each plugin that cannot say what it found is an error of its own; all else is still looked at."""
    install_hooks(site, "styx_doctor")
    result = styx("doctor", "-o", "json")
    assert result.returncode == 1, result.stderr
    found = {each["check"]: each for each in json.loads(result.stdout) if each["level"] == "error"}
    for name in HOOKS.keys() - {"ctrlc"}:
        assert f"plugin '{name}' failed" in found[f"plugin {name}"]["message"]
        assert found[f"plugin {name}"]["fix"]


def test_events_nobody_can_take(styx, site: Path):
    """A plugin that fails to hear of an event does not end what the event is about."""
    install_hooks(site, "styx_event", main_thread=False)
    made = styx("launch", "-y", "-c", "dev", "echo hello")
    assert (made.returncode, made.stdout) == (0, "hello\n"), made.stderr
    assert styx("down", "-y", "dev").returncode == 0


def test_a_store_that_is_broken(styx, site: Path):
    """Checking goes on with the next one, and a task that needs it is told which plugin failed."""
    manifest = """
name = "shelf"
summary = "S."

[contract]
storage = "1.0"

[[provides]]
kind = "storage"
name = "shelf"
target = "styx_shelf.store:Shelf"
"""
    Package(
        name="shelf", manifest=manifest, modules={"store": STORAGE}, clouds=(),
        more="[styx.storage]\nshelf = styx_shelf.store:Shelf",
    ).install(site)  # fmt: skip
    checked = {each["name"]: each for each in json.loads(styx("check", "-o", "json").stdout)}
    assert checked["local"]["enabled"]
    assert checked["file"]["enabled"]
    assert "plugin 'shelf' failed in check: OSError" in checked["shelf"]["message"]
    (site / "task.yaml").write_text("run: 'true'\nfile_mounts: {data: 'shelf://bucket/data'}\n")
    refused = styx("launch", "-y", "-c", "dev", str(site / "task.yaml"))
    assert refused.returncode == 69
    assert "plugin 'shelf' failed in download: OSError" in refused.stderr
    assert styx("down", "-y", "dev").returncode == 0
