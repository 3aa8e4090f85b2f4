"""Where the plugin system keeps its files."""

from __future__ import annotations

from pathlib import Path

from styx.plugins.paths import make_private, write_atomically


def test_what_is_made_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Also the directories above it, whoever comes first; those that are there stay as they are."""
    tmp_path.chmod(0o755)
    write_atomically(str(tmp_path / "home" / "cache" / "index"), "text")
    for _ in range(2):
        make_private(str(tmp_path / "home" / "other" / "deep"))
    made = [path for path in tmp_path.rglob("*") if path.is_dir()]
    assert len(made) == 4
    assert {path.stat().st_mode & 0o777 for path in made} == {0o700}
    assert tmp_path.stat().st_mode & 0o777 == 0o755
