"""The key pair under which EC2 knows the installation's SSH key: its name has a digest of the key in it."""

from __future__ import annotations

import hashlib

from styx.api import Conflict
from styx_aws import tags
from styx_aws.errors import done_already
from styx_aws.session import Session

_DIGITS = 8


def key_pair(session: Session, region: str, installation: str, public: str) -> str:
    """The name of the key pair in this region, imported where it is not there yet. Idempotent.

    Raises Conflict where something else has the name.
    """
    body = " ".join(public.split()[:2])  # a key without its comment, which EC2 does not keep
    name = f"styx-{installation}-{hashlib.sha256(body.encode()).hexdigest()[:_DIGITS]}"
    named = [{"Name": "key-name", "Values": [name]}]
    known = session.call("ec2:DescribeKeyPairs", region, Filters=named, IncludePublicKey=True)["KeyPairs"]
    if not known:
        with done_already("InvalidKeyPair.Duplicate"):  # another client was faster
            tagged = tags.written({tags.INSTALLATION: installation})
            session.call(
                "ec2:ImportKeyPair", region, KeyName=name, PublicKeyMaterial=body.encode(),
                TagSpecifications=[{"ResourceType": "key-pair", "Tags": tagged}],
            )  # fmt: skip
    elif " ".join(known[0].get("PublicKey", body).split()[:2]) != body:
        raise Conflict(f"the key pair {name} in {region} holds another key than this installation's", owner=name)
    return name
