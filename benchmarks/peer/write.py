"""``python -m benchmarks.peer.write SITE CATALOGS``: write the offers for both sides.

A process of its own, because what one has in memory would count as that of its children, which are measured.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.peer import PEERS, skycsv, styxsite
from benchmarks.peer.shared import offers

if __name__ == "__main__":
    site, catalogs = map(Path, sys.argv[1:])
    sold = {cloud: offers(cloud) for cloud in PEERS}
    styxsite.write(site, sold)
    size = skycsv.write(catalogs, sold)
    count = sum(map(len, sold.values()))
    print(f"{count:,} offers of {len(sold)} clouds, {size / 1e6:.1f} MB as SkyPilot's files")
