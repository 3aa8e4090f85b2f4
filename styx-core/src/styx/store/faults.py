"""What a database's error means for the user: what happened, to what, and what to do next."""

from __future__ import annotations

import shlex
import sqlite3

from sqlalchemy import exc

from styx.api.errors import StoreError

# SQLite's primary result codes: https://www.sqlite.org/rescode.html
_PRIMARY = 0xFF
_UNWRITABLE = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
# PostgreSQL: a lock that was not given up in time, and a deadlock: https://www.postgresql.org/docs/17/errcodes-appendix.html
_LOCKED_STATES = {"55P03", "40P01"}


def explain(error: Exception, database: str) -> StoreError:
    """The StoreError for an error of SQLAlchemy, its driver or the file system.

    ``database`` is shown: a path, or a URL without its password.
    """
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, ImportError):
        return StoreError(
            f"the driver for PostgreSQL is not installed: {cause}",
            hint="`pip install 'styx-core[postgres]'` installs it.",
        )
    if isinstance(cause, sqlite3.Error):
        return _sqlite(cause, database)
    if isinstance(cause, OSError):
        return _unwritable(database, cause.strerror or str(cause))
    if isinstance(error, exc.TimeoutError):
        return StoreError(
            f"no free connection to {database}", hint="Too many operations run at once in this process; try again."
        )
    return _postgres(error, cause, database)


def _postgres(error: Exception, cause: BaseException, database: str) -> StoreError:
    if getattr(cause, "sqlstate", None) in _LOCKED_STATES:
        return StoreError(
            f"{database} stayed locked by another client; nothing was changed",
            hint="Another styx command is stuck in a write: end it and try again.",
        )
    if isinstance(error, exc.OperationalError | exc.InterfaceError):
        return StoreError(
            f"cannot use the database {database}: {_first_line(cause)}",
            hint="Check that the server runs and that the address, user and password in the database URL are right.",
        )
    return StoreError(f"the database {database} refused: {_first_line(cause)}")


def _sqlite(error: sqlite3.Error, path: str) -> StoreError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & _PRIMARY
    if code in _LOCKED:
        return StoreError(
            f"{path} stayed locked by another process",
            hint="Another styx command is stuck in a write: end it (`fuser` on the file names it) and try again.",
        )
    if code == sqlite3.SQLITE_FULL or getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_SHMSIZE:
        return StoreError(
            f"the disk that holds {path} is full; nothing was changed", hint="Free some space there and try again."
        )
    if code == sqlite3.SQLITE_IOERR:
        return StoreError(
            f"{path} could not be read or written ({error}); nothing was changed",
            hint="Check the disk's free space, quota and health, and try again.",
        )
    if code in _DAMAGED or str(error) == "unsupported file format":  # its header says so, and no code
        return damaged(path, str(error))
    if code in _UNWRITABLE:
        return _unwritable(path, str(error))
    return StoreError(f"the database {path} refused: {error}")


def damaged(path: str, why: str) -> StoreError:
    """For a file that is there but is not a database of ours; it is never written to."""
    aside = f"mv {shlex.quote(path)} {shlex.quote(path + '.damaged')}"
    return StoreError(
        f"{path} is not a readable Styx database ({why}); it was left as it is",
        hint=f"Restore a copy of it, or begin afresh: {aside}. Clusters on record there are then unknown to Styx.",
    )


def _unwritable(path: str, why: str) -> StoreError:
    return StoreError(
        f"cannot write {path}: {why}", hint="Make it and its directory writable, or set STYX_HOME to one that is."
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
