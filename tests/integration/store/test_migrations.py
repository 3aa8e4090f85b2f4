"""Every revision leads to the schema of today, and the schema in the code is what the revisions make."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import insert, inspect, select, text

from styx.api.errors import StoreError
from styx.store import Store, schema
from styx.store.create import ensure_schema
from styx.store.database import Database, parse_url
from styx.store.migrate import config, upgrade
from styx.store.states import ClusterState

REVISIONS = [script.revision for script in reversed(list(ScriptDirectory.from_config(config()).walk_revisions()))]


# A cluster as revision 0001 has it, named after its state.
_OLD_CLUSTER = """
INSERT INTO clusters (name, slug, state, created_at, updated_at, num_nodes, cloud, account, identity, scope, region,
    zone, instance_type, resources, request, offer, spot, hourly_cost, backend, attempt, task_name, "user",
    launched_at, autostop_set)
VALUES (:state, :state, :state, '2030-01-01T00:00:00.000000+00:00', '2030-01-03T00:00:00.000000+00:00', 1, 'acme',
    'dev', 'me', 'east', 'east', '', 'small', '2 CPUs', '{}', '{}', false, '1.50', 'agent', 'a123', 't', 'me',
    '2030-01-02T00:00:00.000000+00:00', false)
"""


@pytest.fixture
def database(url: str):
    """An empty database; a SQLite file without any table."""
    where = parse_url(url)
    if where.get_backend_name() == "sqlite":
        from pathlib import Path

        Path(where.database).parent.mkdir(parents=True)
    opened = Database(where)
    yield opened
    opened.close()


def drift(database: Database) -> list[object]:
    """What Alembic would change to make the database what the code says."""
    with database.read() as connection:
        options = {"version_table": schema.revisions.name, "compare_type": True, "compare_server_default": True}
        found = compare_metadata(MigrationContext.configure(connection, opts=options), schema.metadata)
    # Alembic does not see its own version table in the database, and so would like to add ours.
    return [change for change in found if not (change[0] == "add_table" and change[1].name == schema.revisions.name)]


def test_revisions_are_one_line_up_to_the_newest() -> None:
    """Revisions are four digits, sorted as text, and the code knows the last."""
    assert sorted(REVISIONS) == REVISIONS
    assert all(len(revision) == 4 and revision.isdigit() for revision in REVISIONS)
    assert REVISIONS[-1] == schema.REVISION


def test_a_new_database_is_what_the_code_says(database: Database) -> None:
    """Tables made at once differ in nothing from the metadata."""
    ensure_schema(database)
    assert drift(database) == []


def test_migrating_from_nothing_gives_the_same(database: Database) -> None:
    """All revisions one after the other make the very tables that a new database gets."""
    with database.write() as connection:
        upgrade(connection)
    assert drift(database) == []
    with database.read() as connection:
        assert connection.scalar(select(schema.revisions.c.version_num)) == schema.REVISION
        assert set(inspect(connection).get_table_names()) == set(schema.metadata.tables)


@pytest.mark.parametrize("revision", REVISIONS)
def test_upgrade_from_every_revision(database: Database, url: str, revision: str) -> None:
    """A database left at any revision, with an installation in it, opens and keeps its id."""
    with database.write() as connection:
        upgrade(connection, revision)
        connection.execute(insert(schema.installations), {"id": "abc123"})
    with Store.open(url) as store:
        assert store.installation == "abc123"
        assert store.clusters.list() == []
    assert drift(database) == []


def test_clusters_of_an_older_database_are_billed_from_their_launch(database: Database, url: str) -> None:
    """What ran before costs were noted has a span since it was set up; what did not run has none."""
    insertion = text(_OLD_CLUSTER)
    with database.write() as connection:
        upgrade(connection, "0001")
        for state in ("up", "unknown", "stopped", "lost"):
            connection.execute(insertion, {"state": state})
    with Store.open(url) as store:
        spans = {span.cluster: span for span in store.spans.going_on()}
        assert set(spans) == {"up", "unknown"}
        assert (spans["up"].hourly_cost, spans["up"].account, spans["up"].billing) == (Decimal("1.50"), "dev", "full")
        assert spans["up"].began_at == datetime(2030, 1, 2, tzinfo=UTC)
        record = store.clusters.get("up")
        assert record is not None
        assert (record.disk_hourly_cost, record.created_at) == (None, spans["up"].born)
        store.clusters.transition("up", ClusterState.STOPPED)
        assert [span.cluster for span in store.spans.going_on()] == ["unknown"]


def test_a_newer_database_is_refused_and_left_alone(url: str) -> None:
    """A schema from the future is an error that says to upgrade, and nothing in it changes."""
    Store.open(url).close()
    database = Database(parse_url(url))
    try:
        with database.write() as connection:
            connection.execute(schema.revisions.update().values(version_num="9999"))
        with pytest.raises(StoreError, match="newer Styx") as refused:
            Store.open(url)
        assert "pip install --upgrade" in (refused.value.hint or "")
        with database.read() as connection:
            assert connection.scalar(select(schema.revisions.c.version_num)) == "9999"
    finally:
        database.close()
