"""Preparing a launch in another process, as the next client of the same user would."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace

import pytest

from styx.api import Cloud, LaunchRequest, Prepared
from styx.clock import SystemClock

# What goes over is what this process made itself, and never leaves the machine.
_PROGRAM = """
import json, pickle, sys
make, services, request = pickle.load(sys.stdin.buffer)
prepared = make(services).prepare(request)
json.dump([prepared.payload, prepared.token], sys.stdout)
"""
PATIENCE = 60.0  # seconds


def prepared_elsewhere(cloud: Cloud, request: LaunchRequest) -> Prepared:
    """What another process prepares for this request, with strings hashed by another seed.

    Skips the test where the class or its settings cannot be taken there, or where it fails to prepare.
    """
    surroundings = replace(cloud.services, clock=SystemClock())
    try:
        given = pickle.dumps((type(cloud), surroundings, request))
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        pytest.skip(f"the cloud cannot be taken to another process: {error}")
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        input=given, capture_output=True, check=False, timeout=PATIENCE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": seed},
    )  # fmt: skip
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        pytest.skip(f"another process does not come to prepare it: {' '.join(last)}")
    payload, token = json.loads(done.stdout)
    return Prepared(request.owner, request.offer.scope, request.ranks, payload, token)
