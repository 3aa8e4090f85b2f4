"""The metadata service of one instance, version 2, at 169.254.169.254 of its host's own network."""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from styx.testing.hosts.slots import ip

if TYPE_CHECKING:
    from styx_aws.testbed.bed import Bed

_ADDRESS = "169.254.169.254"
_NEWNET = 0x40000000  # CLONE_NEWNET


class Metadata:
    """Answers until it is closed."""

    def __init__(self, bed: Bed, instance: Any, network: str) -> None:
        ip("-n", network, "addr", "add", f"{_ADDRESS}/32", "dev", "lo")
        tokens: set[str] = set()

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                if self.path != "/latest/api/token" or not self.headers.get("X-aws-ec2-metadata-token-ttl-seconds"):
                    return self._say(400, "")
                tokens.add(token := secrets.token_urlsafe(24))
                return self._say(200, token)

            def do_GET(self) -> None:
                if self.headers.get("X-aws-ec2-metadata-token") not in tokens:
                    return self._say(401, "")
                with bed.lock:
                    said = _about(bed, instance).get(self.path.rstrip("/"))
                return self._say(404 if said is None else 200, said or "")

            def _say(self, status: int, text: str) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Say nothing."""

        self._server = ThreadingHTTPServer((_ADDRESS, 80), Handler, bind_and_activate=False)
        self._server.daemon_threads = True
        self._server.socket.close()
        self._server.socket = _listening_in(network)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


def _about(bed: Bed, instance: Any) -> dict[str, str]:
    data, notice = "/latest/meta-data", bed.life.notices.get(instance.id)
    nic = instance.nics[0]
    identity = {
        "accountId": instance.owner_id, "region": instance.region_name, "instanceId": instance.id,
        "instanceType": instance.instance_type, "availabilityZone": instance.placement.zone,
        "imageId": instance.image_id, "privateIp": nic.private_ip_address,
    }  # fmt: skip
    said = {
        f"{data}/instance-id": instance.id, f"{data}/instance-type": instance.instance_type,
        f"{data}/ami-id": instance.image_id, f"{data}/local-ipv4": nic.private_ip_address or "",
        f"{data}/placement/availability-zone": instance.placement.zone,
        f"{data}/placement/region": instance.region_name,
        f"{data}/instance-life-cycle": "spot" if instance.lifecycle == "spot" else "on-demand",
        "/latest/dynamic/instance-identity/document": json.dumps(identity),
    }  # fmt: skip
    if nic.public_ip:
        said[f"{data}/public-ipv4"] = nic.public_ip
    if notice is not None:
        when = notice.strftime("%Y-%m-%dT%H:%M:%SZ")
        said[f"{data}/spot/instance-action"] = json.dumps({"action": "terminate", "time": when})
        said[f"{data}/spot/termination-time"] = when
    return said


def _listening_in(network: str) -> socket.socket:
    """A socket of that network, which it belongs to however often this process changes to others."""
    made: list[socket.socket] = []

    def listen() -> None:  # a thread of its own, for it does not come back from there
        handle = os.open(f"/run/netns/{network}", os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(handle, _NEWNET):
                raise OSError(ctypes.get_errno(), f"cannot enter the network {network}")
            made.append(socket.create_server((_ADDRESS, 80)))
        finally:
            os.close(handle)

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    if not made:
        raise RuntimeError(f"no metadata service in {network}")
    return made[0]
