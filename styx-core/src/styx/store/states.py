"""The states of a cluster and the legal moves between them."""

from __future__ import annotations

from enum import StrEnum


class ClusterState(StrEnum):
    """Where a cluster is in its life; one that is gone has no record."""

    PLANNING = "planning"
    PROVISIONING = "provisioning"
    SETTING_UP = "setting_up"
    UP = "up"
    STOPPING = "stopping"
    STOPPED = "stopped"
    STARTING = "starting"
    TERMINATING = "terminating"
    SETTLING = "settling"  # a launch was sent and its outcome is not known yet
    UNKNOWN = "unknown"  # cannot be seen: unreachable, denied, partial, or another account
    PREEMPTED = "preempted"  # taken back, with evidence
    LOST = "lost"  # vanished, without evidence
    FAILED = "failed"  # the record says what is still alive

    @property
    def settled(self) -> bool:
        """Whether nothing is under way: seen without a live operation, an unsettled state means an interruption."""
        return self in _SETTLED


_S = ClusterState
_SETTLED = frozenset({_S.UP, _S.STOPPED, _S.UNKNOWN, _S.PREEMPTED, _S.LOST, _S.FAILED})

# What may follow what. Any state may become TERMINATING (the user said down) or UNKNOWN (we stopped seeing it), and an
# observation may bring UNKNOWN back to any state that can be observed.
_OBSERVABLE = frozenset({_S.UP, _S.STOPPED, _S.PREEMPTED, _S.LOST, _S.FAILED})
_ALWAYS = frozenset({_S.TERMINATING, _S.UNKNOWN})
TRANSITIONS: dict[ClusterState, frozenset[ClusterState]] = {
    _S.PLANNING: _ALWAYS | {_S.PROVISIONING, _S.SETTLING, _S.FAILED},
    _S.PROVISIONING: _ALWAYS | {_S.SETTING_UP, _S.SETTLING, _S.PLANNING, _S.FAILED, _S.LOST, _S.PREEMPTED},
    _S.SETTLING: _ALWAYS | {_S.PROVISIONING, _S.PLANNING, _S.STARTING, _S.STOPPED, _S.FAILED, _S.LOST, _S.PREEMPTED},
    _S.SETTING_UP: _ALWAYS | {_S.UP, _S.FAILED, _S.LOST, _S.PREEMPTED, _S.PROVISIONING, _S.STOPPED},
    _S.UP: _ALWAYS | {_S.SETTING_UP, _S.STOPPING, _S.STOPPED, _S.PREEMPTED, _S.LOST, _S.FAILED},
    _S.STOPPING: _ALWAYS | {_S.STOPPED, _S.UP, _S.FAILED, _S.LOST, _S.PREEMPTED},
    _S.STOPPED: _ALWAYS | {_S.STARTING, _S.UP, _S.FAILED, _S.LOST, _S.PREEMPTED},
    _S.STARTING: _ALWAYS | {_S.SETTING_UP, _S.UP, _S.STOPPED, _S.SETTLING, _S.FAILED, _S.LOST, _S.PREEMPTED},
    _S.TERMINATING: _ALWAYS | {_S.FAILED},
    _S.UNKNOWN: _ALWAYS | _OBSERVABLE | {_S.STOPPING, _S.SETTLING},
    _S.PREEMPTED: _ALWAYS | _OBSERVABLE | {_S.PLANNING, _S.PROVISIONING, _S.STARTING, _S.SETTING_UP},
    _S.LOST: _ALWAYS | _OBSERVABLE | {_S.PLANNING, _S.PROVISIONING, _S.STARTING, _S.SETTING_UP},
    _S.FAILED: _ALWAYS | _OBSERVABLE | {_S.PLANNING, _S.PROVISIONING, _S.STARTING, _S.SETTING_UP, _S.STOPPING},
}


def legal(before: ClusterState, after: ClusterState) -> bool:
    """Whether a cluster may go from ``before`` to ``after``; staying is always legal."""
    return before == after or after in TRANSITIONS[before]
