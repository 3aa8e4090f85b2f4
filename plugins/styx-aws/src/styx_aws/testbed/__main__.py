"""``python -m styx_aws.testbed``: AWS on this machine, for as long as it runs."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import signal
import subprocess
import sys
from threading import Event

from styx_aws.testbed.testbed import Testbed


def main(arguments: list[str] | None = None) -> int:
    """Run a command in the testbed's environment, or print that environment and run until ended."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    own, command = (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, [])
    parser = argparse.ArgumentParser(
        prog="python -m styx_aws.testbed", usage="%(prog)s [-h] [--hosts {yes,no}] [-- COMMAND...]",
        description="AWS on this machine, as long as COMMAND runs, which finds it in its environment; without one the"
        " environment is printed, for a shell, and AWS is there until this is ended.",
    )  # fmt: skip
    parser.add_argument("--hosts", choices=("yes", "no"), default="yes", help="whether instances have hosts behind")
    options = parser.parse_args(own)
    over = Event()
    running: list[subprocess.Popen[bytes]] = []

    def end(*_: object) -> None:
        over.set()
        for process in running:
            process.terminate()

    signal.signal(signal.SIGTERM, end)
    with Testbed(hosts=options.hosts == "yes") as aws:
        if aws.cannot:
            sys.stderr.write(f"testbed: {aws.cannot}\n")
        if command:
            with subprocess.Popen(command, env={**os.environ, **aws.environment()}) as process:
                running.append(process)
                if over.is_set():  # told so before it was among them
                    process.terminate()
                status = process.wait()
            return status if status >= 0 else 128 - status  # as a shell has it
        for name, value in aws.environment().items():
            sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            over.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
