"""The testbed's switches, as they are reached with curl."""

from __future__ import annotations

import copy
import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from styx_aws.testbed import Testbed


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("nothing", None, "there is no 'nothing' here; there are address, calls, changes, habits"),
        ("habits", [], "POST a JSON object"),
        ("habits", {"nonsense": 1}, "there is no habit 'nonsense'; there are lag, boot"),
        ("habits", {"denied": "ec2:RunInstances"}, "denied is a list of names"),
        ("habits", {"denied": ["RunInstances"]}, "'RunInstances' is no action that Styx asks for, like ec2:RunInst"),
        ("habits", {"lag": 1.0, "regions_off": ["us-east-1"]}, "us-east-1 is on for every account"),
        ("refuse", None, '{"action": "ec2:RunInstances", "code": "VcpuLimitExceeded"}, and of these what is wanted: '),
        ("refuse", {"action": "ec2:RunInstances", "code": "No", "tims": 2}, "tims cannot be understood"),
        ("refuse", {"action": "ec2:RunInstances", "code": "No", "times": "2"}, "times cannot be understood"),
        ("refuse", {"action": "RunInstances", "code": "No"}, "'RunInstances' is no action that Styx asks for"),
        ("interrupt", {"instance_id": "i-1"}, "there is no such instance"),
    ],
)
def test_what_there_is_not_is_refused(bed: Testbed, name: str, words: Any, said: str) -> None:
    """With a sentence that says what there is, or how it is asked for; nothing has changed then."""
    before = copy.deepcopy(bed.habits)
    with pytest.raises(urllib.error.HTTPError, match="400") as caught:
        urllib.request.urlopen(f"{bed.url}/_testbed/{name}", None if words is None else json.dumps(words).encode())
    assert said in caught.value.read().decode()
    assert bed.habits == before
