"""What is written onto things in the account and read back from them: whose they are, and what only a launch knows.

One request for several machines has one set of tags for all of them, so a machine's rank is told by its number in that
request (``AmiLaunchIndex``) and a tag that says which ranks were asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from styx.api import InvalidRequest, Owner

INSTALLATION = "styx-installation"
RANKS, USER, BOOT_KEY, PRICE = "styx-ranks", "styx-user", "styx-boot-key", "styx-usd-per-hour"

Filter = dict[str, Any]
_KEY_MOST, _VALUE_MOST, _TAGS_MOST = 128, 256, 50
_FILTERED_MOST = 200  # values of one filter
_OURS = 9  # tags of a machine that are not the user's


def written(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as requests have them, in an order that is always the same."""
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]


def read(thing: Mapping[str, Any]) -> dict[str, str]:
    """The tags of anything that AWS lists."""
    return {tag["Key"]: tag["Value"] for tag in thing.get("Tags") or ()}


def filters(installation: str, owners: Collection[Owner] | None = None) -> list[Filter]:
    """What keeps a list to things of these owners, or with None of the whole installation. It may let others pass."""
    found = [{"Name": f"tag:{INSTALLATION}", "Values": [installation]}]
    if owners is not None and len(owners) <= _FILTERED_MOST:
        found.append({"Name": "tag:styx-attempt", "Values": sorted({owner.attempt for owner in owners})})
    return found


def of(owners: Collection[Owner] | None, installation: str, things: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Those of the things that belong to these owners, or with None to the installation."""
    return [thing for thing in things if _is_of(Owner.from_tags(read(thing)), owners, installation)]


def _is_of(owner: Owner | None, owners: Collection[Owner] | None, installation: str) -> bool:
    return owner is not None and owner.installation == installation and (owners is None or owner in owners)


def labels(wanted: Mapping[str, str]) -> dict[str, str]:
    """The labels of a task as tags. Raises InvalidRequest for those that AWS refuses, or that would pass for ours."""
    for key, value in wanted.items():
        if not 0 < len(key) <= _KEY_MOST or len(value) > _VALUE_MOST:
            raise _refused(f"{key[:40]!r} has more than {_KEY_MOST} characters, or its value more than {_VALUE_MOST}")
        if key.lower().startswith(("aws:", "styx-")) or key == "Name":
            raise _refused(f"{key!r} has a name that is reserved: 'Name', and those with 'aws:' or 'styx-' in front")
    if len(wanted) > _TAGS_MOST - _OURS:
        raise _refused(f"of {len(wanted)} only {_TAGS_MOST - _OURS} can be kept")
    return dict(wanted)


def _refused(why: str) -> InvalidRequest:
    return InvalidRequest(f"labels become tags on AWS, and {why}", field="labels")


def ranks_as_text(ranks: Sequence[int]) -> str:
    """``0-3 7`` for 0, 1, 2, 3, 7: what a tag has room for."""
    spans: list[list[int]] = []
    for rank in ranks:
        if spans and rank == spans[-1][-1] + 1:
            spans[-1][1:] = [rank]
        else:
            spans.append([rank])
    return " ".join("-".join(map(str, span)) for span in spans)


def ranks_from_text(text: str) -> list[int]:
    """The way back; nothing where it is not what :func:`ranks_as_text` writes."""
    ranks: list[int] = []
    for span in text.split():
        first, _, last = span.partition("-")
        if not (first.isdecimal() and (last or first).isdecimal()):
            return []
        ranks.extend(range(int(first), int(last or first) + 1))
    return ranks
