"""How the kit speaks when a rule is broken: what was done, what the contract wants, what to change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


def expect(ok: object, *, did: str, contract: str, change: str) -> None:
    """Fail the test, in three sentences for an author who has never seen the kit, unless ``ok`` is true."""
    __tracebackhide__ = True
    if not ok:
        raise AssertionError(told("a rule of the contract is broken", did=did, contract=contract, change=change))


def told(what: str, *, did: str, contract: str, change: str) -> str:
    """The form of all that is told."""
    return f"{what}\n  it did:       {did}\n  the contract: {contract}\n  to change:    {change}"


@contextmanager
def succeeds(doing: str, *, contract: str, change: str) -> Iterator[None]:
    """Fail the test as :func:`expect` does when the block raises; ``doing`` says what it does."""
    __tracebackhide__ = True
    try:
        yield
    except AssertionError:
        raise  # says itself what is wrong
    except Exception as error:  # noqa: BLE001 - whatever it is, the author should read it as a broken rule
        expect(False, did=f"{doing} raised {type(error).__name__}: {error}", contract=contract, change=change)


@contextmanager
def refuses(doing: str, *errors: type[Exception], contract: str, change: str) -> Iterator[None]:
    """Fail the test as :func:`expect` does unless the block raises one of these errors."""
    __tracebackhide__ = True
    try:
        yield
        problem = "succeeded"
    except errors:
        return
    except AssertionError:
        raise
    except Exception as error:  # noqa: BLE001 - likewise
        problem = f"raised {type(error).__name__}: {error}"
    expect(False, did=f"{doing} {problem}", contract=contract, change=change)


class ContractBroken(AssertionError):
    """A call did what no call may do, whatever the test was about: raised something foreign, or never came back."""


class GaveUp(AssertionError):
    """What the kit waited for did not come about in time."""
