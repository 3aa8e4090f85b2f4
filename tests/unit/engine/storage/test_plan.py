"""What a copy or synchronisation does, for any two ends."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from styx.engine.storage.plan import Plan, batches, in_the_way, parents, plan

# Few letters, so that files and directories get in each other's way.
NAME = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)


def tree(names: Iterable[str]) -> dict[str, int]:
    """Those of the names that a file system can have beside each other."""
    found: dict[str, int] = {}
    for name in names:
        if not any(above in found for above in parents(name)) and not any(f.startswith(f"{name}/") for f in found):
            found[name] = 0
    return found


TREE = st.dictionaries(NAME, st.integers(0, 2), max_size=8).map(lambda f: {name: f[name] for name in tree(f)})


class Disk:
    """A file system: it refuses a file where a directory is, and the other way round."""

    def __init__(self, files: dict[str, int]) -> None:
        self.files = dict(files)

    def write(self, name: str, content: int) -> None:
        """Put a file there."""
        assert not any(above in self.files for above in parents(name))
        assert not any(other.startswith(f"{name}/") for other in self.files)
        self.files[name] = content

    def steps(self, found: Plan, source: dict[str, int]) -> Iterable[None]:
        """Do what the plan says, one thing after the other."""
        for name in found.first:
            yield
            del self.files[name]
        for name in found.moves:
            yield
            self.write(name, source[name])
        for name in found.last:
            yield
            del self.files[name]


def planned(source: dict[str, int], target: dict[str, int], *, delete: bool) -> Plan:
    """The plan for these."""
    return plan(source, target, lambda name: source[name] == target[name], delete=delete)


@given(source=TREE, target=TREE)
def test_with_delete_the_target_becomes_the_source(source: dict[str, int], target: dict[str, int]) -> None:
    """Whatever was there, every step can be done on a disk, and at the end both are the same."""
    disk = Disk(target)
    list(disk.steps(planned(source, target, delete=True), source))
    assert disk.files == source


@given(source=TREE, target=TREE)
def test_without_delete_nothing_is_lost(source: dict[str, int], target: dict[str, int]) -> None:
    """The target has then what the source has, and what it had beside that."""
    found = planned(source, target, delete=False)
    assert found.removals == ()
    assert {**target, **{name: source[name] for name in found.moves}} == {**target, **source}


@given(source=TREE, target=TREE, stop=st.integers(0, 20))
def test_interrupted_anywhere_and_planned_anew_it_ends_the_same(
    source: dict[str, int], target: dict[str, int], stop: int
) -> None:
    """One who is killed after any step, and asks again, has in the end what he wanted."""
    disk = Disk(target)
    for done, _ in enumerate(disk.steps(planned(source, target, delete=True), source)):
        if done == stop:
            break
    list(disk.steps(planned(source, disk.files, delete=True), source))
    assert disk.files == source


@given(source=TREE, target=TREE)
def test_only_what_differs_is_moved(source: dict[str, int], target: dict[str, int]) -> None:
    """What is the same at both ends is neither moved nor removed, and is counted; nothing is done twice."""
    found = planned(source, target, delete=True)
    same = {name for name in source if target.get(name) == source[name]}
    assert set(found.moves) == set(source) - same
    assert found.unchanged == len(same)
    assert set(found.removals) == set(target) - set(source)
    assert len(found.moves) + len(found.removals) == len({*found.moves, *found.removals})
    assert planned(source, source, delete=True) == Plan(unchanged=len(source))


@given(source=TREE, target=TREE)
def test_nothing_is_removed_early_that_is_not_in_the_way(source: dict[str, int], target: dict[str, int]) -> None:
    """What goes first would have kept something from being written; all else stays until all has been copied."""
    found = planned(source, target, delete=True)
    assert set(in_the_way(found.moves, found.first)) == set(found.first)
    assert not set(in_the_way(found.moves, found.last))


@given(source=TREE, target=TREE)
def test_what_is_kept_stays(source: dict[str, int], target: dict[str, int]) -> None:
    """Names that are to be kept are never removed."""
    found = plan(source, target, lambda _: True, delete=True, kept=lambda name: name.startswith("a"))
    assert not [name for name in found.removals if name.startswith("a")]
    assert {name for name in set(target) - set(source) if not name.startswith("a")} == set(found.removals)


@given(sizes=st.dictionaries(NAME, st.integers(0, 50)), most=st.integers(1, 5), total=st.integers(1, 60))
def test_batches_have_everything_once_and_in_order(sizes: dict[str, int], most: int, total: int) -> None:
    """No batch is too large, unless a single file is."""
    found = list(batches(sizes, most, total))
    assert [name for batch in found for name in batch] == list(sizes)
    for batch in found:
        assert 0 < len(batch) <= most
        assert len(batch) == 1 or sum(sizes[name] for name in batch) <= total
