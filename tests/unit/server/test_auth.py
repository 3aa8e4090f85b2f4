"""Tokens: made, and what they allow. How they are recognised is tried at a real server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from styx.api.errors import BadInput
from styx.client.refusals import Forbidden
from styx.server.access import require_own
from styx.server.auth import Caller, Level, check_user, level, mint
from styx.store.access import Role

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def test_of_a_token_only_a_digest_is_kept() -> None:
    """What is kept finds it and proves it, and does not have it; no two are alike."""
    text, kept = mint("ann", "laptop", NOW, scopes=("write", "read"), lifetime=timedelta(days=1))
    prefix, number, secret = text.split("_", 2)
    assert (prefix, number) == ("styx", kept.id)
    assert len(secret) >= 43
    assert kept.digest == sha256(secret.encode()).hexdigest()
    assert secret not in repr(kept)
    assert (kept.scopes, kept.expires_at) == (("read", "write"), NOW + timedelta(days=1))
    assert mint("ann", "laptop", NOW)[0] != text


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("scopes", [(), ("read",), ("write",), ("admin",), ("read", "admin"), ("unheard-of",)])
def test_role_and_scopes_hold_together(role: Role, scopes: tuple[str, ...]) -> None:
    """No scope gives more than the role, no role more than the scopes; a scope that nobody knows gives nothing more."""
    most = {Role.VIEWER: Level.READ, Role.MEMBER: Level.WRITE, Role.ADMIN: Level.ADMIN}[role]
    found = level(role, scopes)
    assert found <= most
    if not scopes:
        assert found == most
    elif "admin" not in scopes:
        assert found == min(most, Level.WRITE if "write" in scopes else Level.READ)


def test_what_is_nobodys_is_an_administrators() -> None:
    """A member may touch what bears their name, and nothing that bears another's or none."""
    member, admin = (Caller("ann", role, "t", level(role, ())) for role in (Role.MEMBER, Role.ADMIN))
    require_own(member, "ann", "cluster 'x'")
    for owner in ("bob", ""):
        require_own(admin, owner, "cluster 'x'")
        with pytest.raises(Forbidden, match="cluster 'x' is"):
            require_own(member, owner, "cluster 'x'")


@pytest.mark.parametrize("name", ["", " ", "a b", "-a", "a/b", "a\nb", "ü", "a" * 65, "a\0"])
def test_names_of_users_are_plain(name: str) -> None:
    """They appear in logs, lists and addresses."""
    with pytest.raises(BadInput):
        check_user(name)
    assert check_user("a.b-c_1") == "a.b-c_1"
