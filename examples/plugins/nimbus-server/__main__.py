"""``python nimbus-server``: a GPU market on this machine, with real SSH hosts behind it. Ctrl-C ends all of it."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from market import Market
from server import Server


def main() -> int | str:
    """Serve until told to stop; what keeps it from serving."""
    options = argparse.ArgumentParser(prog="nimbus-server", description=__doc__)
    options.add_argument("--port", type=int, default=8750, help="0: any that is free")
    options.add_argument("--token", default="", help="what clients must show; made up unless given")
    options.add_argument("--boot-seconds", type=float, default=2.0)
    options.add_argument("--requests-per-second", type=float, default=10.0)
    options.add_argument("--stock", action="append", default=[], metavar="TYPE=N", help="how many of a type there are")
    options.add_argument("--late", action="append", default=[], metavar="TYPE", help="accept orders beyond the stock")
    given = options.parse_args()
    stock = {kind: int(number) for kind, _, number in (each.partition("=") for each in given.stock)}
    market = Market(boot_seconds=given.boot_seconds, stock=stock, late=set(given.late))
    try:
        server = Server(market, given.token, given.port, given.requests_per_second)
    except OSError as error:
        market.close()
        return f"nimbus cannot be at port {given.port}: {error.strerror}"
    print(f"nimbus is at {server.url}, and its token is {server.token}", flush=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    try:
        server.serve_forever(poll_interval=0.2)
    finally:
        server.server_close()
        market.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
