"""Tokens: made, and what they allow. How they are recognised is tried at a real server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from styx.api.errors import BadInput
from styx.client.refusals import Forbidden
from styx.server.auth.access import require_own
from styx.server.auth.bootstrap import local_token
from styx.server.auth.tokens import Caller, Level, check_user, level, mint
from styx.store import Store
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


def test_the_token_of_a_server_ends_with_it_alone(tmp_path: Path) -> None:
    """What its user made with it lasts for as long as they said."""
    with Store.open(home=tmp_path) as store:
        number = local_token(store, tmp_path, NOW).split("_")[1]
        (own,) = store.tokens.list()
        store.tokens.add(mint(own.user, "made", NOW, maker=number)[1])
        local_token(store, tmp_path, NOW)
        counts = {
            token.name: token.revoked_at is None for token in store.tokens.list() if token.id == number or token.maker
        }
        assert counts == {own.name: False, "made": True}


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
