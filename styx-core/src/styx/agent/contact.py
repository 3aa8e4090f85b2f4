"""Making contact: the mark that keeps the boot watchdog from shutting this machine down for want of anybody.

The watchdog, where there is one, is the machine's first boot script: see ``styx.engine.watchdog``.
"""

from __future__ import annotations

import os
import stat

PLACE = "/run/styx-watchdog"  # made by root; what is in it but ``contact`` is the watchdog's own


def make(place: str = PLACE) -> None:
    """Leave this user's mark. Idempotent; does nothing where no watchdog waits for it, and never raises OSError."""
    directory = os.path.join(place, "contact")
    try:
        found = os.lstat(directory)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or not found.st_mode & stat.S_ISVTX:
            return  # whoever made this is no watchdog
        # Exclusive, so that a link which somebody has put there is not followed; it is as good a mark.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        os.close(os.open(os.path.join(directory, str(os.getuid())), flags, 0o600))
    except OSError:
        return
