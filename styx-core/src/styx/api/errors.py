"""Every error Styx raises on purpose, in one tree.

::

    StyxError                                 exit code 1
    |-- BadInput                              2    the caller can mend it: a file, an option, a setting
    |   |-- InvalidTask                            a task file or Task object; carries file and line
    |   |-- InvalidConfig                          a configuration file or value
    |   |-- ClusterNotFound                        no cluster of that name
    |   `-- JobNotFound                            no job of that number on that cluster
    |-- ClusterBusy                           75   another client holds the cluster
    |-- ClusterNotUp                          1    the cluster is stopped, gone or half made
    |-- NoOffer                               75   nothing that can be rented fits, with a reason for each cloud
    |-- PluginError                           69   a plugin is broken, disabled, missing or in conflict
    |-- StoreError                            74   the database cannot be read or written
    |-- TransportError                        74   a node cannot be reached, or the connection broke
    |   `-- HostKeyChanged                    77   the node shows another host key than the one on record
    |-- BackendError                          1    the runtime on a node refused or failed
    `-- ProviderError                         1    a provider said no; failover is driven by the class alone
        |-- AuthFailed                        77   credentials are missing, wrong or expired
        |-- PermissionDenied(action)          77   credentials are good, the action is not allowed
        |-- WrongAccount                      77   these are not the credentials the cluster was made with
        |-- InsufficientCapacity(scope)       75   nothing left there; try elsewhere or later
        |-- QuotaExceeded(scope, resource)    75   the account's own limit
        |-- RateLimited(retry_after)          75   too many calls; core waits and repeats
        |-- InvalidRequest(field)             2    the provider rejects a value; no other place will help
        |-- OfferGone                         75   this offer is no longer sold
        |-- NotFound                          1    the thing named does not exist (any more)
        |-- Conflict(owner)                   75   the name or resource is held by another owner
        |-- Unsupported(capability)           2    this provider or offer cannot do that
        |-- Preempted                         1    the provider took the machine back
        |-- Transient                         75   surely not done; safe to repeat
        `-- OutcomeUnknown                    75   sent, no answer; only an observation can tell

    NotYet(after, waiting_for)                not an error: "call me again with the same argument"

A provider raises the leaves of :class:`ProviderError` and nothing else. Every error can be written as plain data with
:meth:`StyxError.to_wire` and read back with :func:`from_wire`; that is the only form that is stored or sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

Wire = dict[str, Any]

_BY_CODE: dict[str, type[StyxError]] = {}


class StyxError(Exception):
    """What happened, to what (``message``), and what to do next (``hint``).

    ``code`` is a stable lower-case name for programs; ``exit_code`` is what the command line ends with.
    Extra keyword arguments become attributes named in ``fields`` and travel with :meth:`to_wire`. The hint is also a
    note of the exception, so that a traceback shows it.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ()

    def __init__(self, message: str, *, hint: str | None = None, **details: Any) -> None:
        unknown = sorted(set(details) - set(self.fields))
        if unknown:
            known = ", ".join(self.fields) or "none"
            raise TypeError(f"{type(self).__name__} has no field {unknown[0]!r}; it has {known}")
        super().__init__(message)
        self.message = message
        self._hint: str | None = None
        self.hint = hint
        self.details = {name: value for name, value in details.items() if value is not None}

    @property
    def hint(self) -> str | None:
        """What to do next."""
        return self._hint

    @hint.setter
    def hint(self, hint: str | None) -> None:
        if self._hint:
            self.__notes__.remove(_note(self._hint))
        self._hint = hint
        if hint:
            self.add_note(_note(hint))

    def __init_subclass__(cls) -> None:
        """Register the class under its code, so that :func:`from_wire` can find it."""
        super().__init_subclass__()
        _BY_CODE[cls.code] = cls

    def __getattr__(self, name: str) -> Any:
        if name in type(self).fields:
            return self.__dict__.get("details", {}).get(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def to_wire(self) -> Wire:
        """Plain JSON data: ``code``, ``message``, and ``hint`` and ``details`` where there are any."""
        wire: Wire = {"code": self.code, "message": self.message}
        if self.hint:
            wire["hint"] = self.hint
        if self.details:
            wire["details"] = self.details
        return wire


def _note(hint: str) -> str:
    return f"Hint: {hint}"


def from_wire(wire: Mapping[str, Any]) -> StyxError:
    """Rebuild an error from :meth:`StyxError.to_wire` data; an unknown code becomes a plain :class:`StyxError`."""
    kind = _BY_CODE.get(str(wire.get("code")), StyxError)
    details = wire.get("details")
    known = {k: v for k, v in details.items() if k in kind.fields} if isinstance(details, Mapping) else {}
    hint = wire.get("hint")
    return kind(str(wire.get("message", "unknown error")), hint=str(hint) if hint else None, **known)


class BadInput(StyxError):
    """Something the caller wrote is wrong; nothing was created."""

    code = "bad_input"
    exit_code = 2


class InvalidTask(BadInput):
    """A task file or object is wrong. ``file``, ``line`` (from 1) and ``field`` say where, when known."""

    code = "invalid_task"
    fields = ("file", "line", "field")


class InvalidConfig(BadInput):
    """A configuration file, option or environment variable is wrong."""

    code = "invalid_config"
    fields = ("file", "line", "field")


class ClusterNotFound(BadInput):
    """No cluster of that name is on record."""

    code = "cluster_not_found"
    fields = ("cluster",)


class JobNotFound(BadInput):
    """No job of that number is on that cluster."""

    code = "job_not_found"
    fields = ("cluster", "job")


class ClusterBusy(StyxError):
    """Another client is working on the cluster right now."""

    code = "cluster_busy"
    exit_code = 75
    fields = ("cluster", "operation", "holder")


class ClusterNotUp(StyxError):
    """The cluster is not in a state in which this can be done."""

    code = "cluster_not_up"
    fields = ("cluster", "state")


class NoOffer(StyxError):
    """Nothing that can be rented now fits; ``reasons`` maps each cloud to why not."""

    code = "no_offer"
    exit_code = 75
    fields = ("reasons",)


class PluginError(StyxError):
    """A plugin cannot be used; ``plugin`` names it and ``status`` is one of the six plugin statuses."""

    code = "plugin_error"
    exit_code = 69
    fields = ("plugin", "status")


class StoreError(StyxError):
    """The database cannot be read or written; nothing was changed."""

    code = "store_error"
    exit_code = 74


class CatalogError(StyxError):
    """A catalog of what a cloud sells cannot be read or renewed; ``file`` and ``line`` say where, when known."""

    code = "catalog_error"
    exit_code = 74
    fields = ("cloud", "file", "line")


class TransportError(StyxError):
    """A node cannot be reached, or the connection broke in the middle. What ran there may still run."""

    code = "transport_error"
    exit_code = 74
    fields = ("node",)


class HostKeyChanged(TransportError):
    """The node shows another host key than the one on record. Never trusted silently."""

    code = "host_key_changed"
    exit_code = 77


class BackendError(StyxError):
    """The runtime on a node refused a request or failed."""

    code = "backend_error"
    fields = ("node",)


class ProviderError(StyxError):
    """Base of everything a provider may raise. Not raised itself."""

    code = "provider_error"
    retryable: ClassVar[bool] = False  # the same call may be repeated as it is
    elsewhere: ClassVar[bool] = False  # another offer may well succeed


class AuthFailed(ProviderError):
    """Credentials are missing, wrong or expired. Blocks the account until they change."""

    code = "auth_failed"
    exit_code = 77
    elsewhere = True


class PermissionDenied(ProviderError):
    """The credentials are good but may not do ``action`` (the provider's own name for it)."""

    code = "permission_denied"
    exit_code = 77
    fields = ("action",)
    elsewhere = True


class WrongAccount(ProviderError):
    """These credentials belong to another account than the one the cluster was made with."""

    code = "wrong_account"
    exit_code = 77
    fields = ("expected", "found")


class InsufficientCapacity(ProviderError):
    """The provider has none left in ``scope``. Nothing was created."""

    code = "insufficient_capacity"
    exit_code = 75
    fields = ("scope",)
    elsewhere = True


class QuotaExceeded(ProviderError):
    """The account's limit for ``resource`` in ``scope`` is reached. Nothing was created."""

    code = "quota_exceeded"
    exit_code = 75
    fields = ("scope", "resource", "limit", "used")
    elsewhere = True


class RateLimited(ProviderError):
    """Too many calls. Surely not done; core repeats after ``retry_after`` seconds."""

    code = "rate_limited"
    exit_code = 75
    fields = ("retry_after",)
    retryable = True


class InvalidRequest(ProviderError):
    """The provider rejects the value of ``field``; repeating it, here or elsewhere, will not help."""

    code = "invalid_request"
    exit_code = 2
    fields = ("field",)


class OfferGone(ProviderError):
    """This offer is not sold (any more). Nothing was created."""

    code = "offer_gone"
    exit_code = 75
    elsewhere = True


class NotFound(ProviderError):
    """The thing named does not exist. Terminating something that is not there is *not* this error: it succeeds."""

    code = "not_found"


class Conflict(ProviderError):
    """The name or resource is held by ``owner``, who is not us."""

    code = "conflict"
    exit_code = 75
    fields = ("owner",)
    elsewhere = True


class Unsupported(ProviderError):
    """This provider or offer lacks ``capability``."""

    code = "unsupported"
    exit_code = 2
    fields = ("capability",)


class Preempted(ProviderError):
    """The provider took the machine back."""

    code = "preempted"
    elsewhere = True


class Transient(ProviderError):
    """Surely not done: the request did not reach the provider or was refused before acting. Safe to repeat."""

    code = "transient"
    exit_code = 75
    retryable = True


class OutcomeUnknown(ProviderError):
    """Sent, and no answer came. It may have been done; only an observation can tell. Never simply repeated."""

    code = "outcome_unknown"
    exit_code = 75


class NotYet(Exception):
    """A step needs an earlier one to finish: core calls the same method again with the same argument.

    ``after`` is seconds to wait at least; ``waiting_for`` says what for, to be shown to the user.
    """

    def __init__(self, after: float, waiting_for: str) -> None:
        super().__init__(f"waiting for {waiting_for}")
        self.after = after
        self.waiting_for = waiting_for
