"""Which server an installation works with."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from styx.api import BadInput, InvalidConfig
from styx.client.login import Login, checked_pin, checked_url, forget, logged_in, save

SHORT = f'{{"url": "https://x", "token": "t", "fingerprint": "{"a" * 40}"}}'  # as long as a SHA-1


def test_without_a_login(styx_home: Path):
    """Nobody has logged in: there is no server, and nothing to forget."""
    assert logged_in() is None
    assert not forget()


def test_a_login_is_kept_for_its_user_alone(styx_home: Path):
    """What is written down is found again, only its user can read it, and it can be forgotten."""
    save(Login("https://styx.example", "styx_a_b"))
    kept = styx_home / "api.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert logged_in() == Login("https://styx.example", "styx_a_b", str(kept))
    assert forget()
    assert logged_in() is None


def test_the_environment_wins(styx_home: Path, monkeypatch: pytest.MonkeyPatch):
    """A token that was kept for one server is shown to no other."""
    save(Login("https://styx.example", "styx_a_b"))
    monkeypatch.setenv("STYX_API_URL", "https://other.example/")
    assert logged_in() == Login("https://other.example", "", "STYX_API_URL")
    monkeypatch.setenv("STYX_API_URL", "https://styx.example/")
    assert logged_in() == Login("https://styx.example", "styx_a_b", "STYX_API_URL")
    monkeypatch.setenv("STYX_API_TOKEN", "styx_c_d")
    assert logged_in() == Login("https://styx.example", "styx_c_d", "STYX_API_URL")


@pytest.mark.parametrize("content", ["", "[]", '{"url": "x"}', SHORT])
def test_what_cannot_be_read(styx_home: Path, content: str):
    """A damaged file is told, with what to do; it is not taken for no login, which would run things here."""
    styx_home.mkdir()
    (styx_home / "api.json").write_text(content)
    with pytest.raises(InvalidConfig, match=r"api\.json"):
        logged_in()


def test_urls():
    """A server is named by its URL; without a scheme it is reached by TLS."""
    assert checked_url("styx.example:8443/") == "https://styx.example:8443"
    assert checked_url("http://127.0.0.1:8080") == "http://127.0.0.1:8080"
    for wrong in ("", "ftp://x", "https://", "https://user:secret@x", "https://x/?q", "https://x:y"):
        with pytest.raises(BadInput):
            checked_url(wrong)


def test_a_server_that_is_known_by_its_certificate(styx_home: Path, monkeypatch: pytest.MonkeyPatch):
    """Its fingerprint is kept with the token, counts for the same server alone, and can be said by the environment."""
    pin = checked_pin(":".join(["AB"] * 32))
    assert pin == "ab" * 32
    save(Login("https://a.example.org", "t", fingerprint=pin))
    assert (logged_in() or pytest.fail("lost")).fingerprint == pin
    for url, expected in (("https://a.example.org", pin), ("https://b.example.org", "")):
        monkeypatch.setenv("STYX_API_URL", url)
        assert (logged_in() or pytest.fail("lost")).fingerprint == expected
    monkeypatch.setenv("STYX_API_FINGERPRINT", "cd" * 32)
    assert (logged_in() or pytest.fail("lost")).fingerprint == "cd" * 32
    with pytest.raises(BadInput, match="is not the SHA-256"):
        checked_pin("ab")


def test_tokens_are_sent_in_clear_only_where_that_was_agreed_to(
    styx_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another machine is reached by TLS, whoever names it; a login may say otherwise, for its own server alone."""
    for here in ("http://localhost:8080", "http://127.0.0.9", "http://[::1]:80"):
        monkeypatch.setenv("STYX_API_URL", here)
        assert (logged_in() or pytest.fail("lost")).url == here
    save(Login("http://agreed.example", "t", in_clear=True))
    for url, fine in (("http://agreed.example", True), ("http://other.example", False), ("http://127.0.0.1.x", False)):
        monkeypatch.setenv("STYX_API_URL", url)
        if fine:
            assert logged_in() == Login(url, "t", "STYX_API_URL", in_clear=True)
        else:
            with pytest.raises(InvalidConfig, match="without TLS"):
                logged_in()
    monkeypatch.delenv("STYX_API_URL")
    assert logged_in() is not None
    save(Login("http://agreed.example", "t"))
    with pytest.raises(InvalidConfig, match=r"api\.json"):
        logged_in()
