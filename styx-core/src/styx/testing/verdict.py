"""How the kit speaks when a rule is broken: what was done, what the contract wants, what to change."""

from __future__ import annotations


def expect(ok: object, *, did: str, contract: str, change: str) -> None:
    """Fail the test, in three sentences for an author who has never seen the kit, unless ``ok`` is true."""
    __tracebackhide__ = True
    if not ok:
        raise AssertionError(
            f"a rule of the contract is broken\n"
            f"  it did:       {did}\n"
            f"  the contract: {contract}\n"
            f"  to change:    {change}"
        )


class ContractBroken(AssertionError):
    """A call did what no call may do, whatever the test was about: raised something foreign, or never came back."""


class GaveUp(AssertionError):
    """What the kit waited for did not come about in time."""
