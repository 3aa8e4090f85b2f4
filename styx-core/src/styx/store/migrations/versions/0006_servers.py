"""Managed jobs, the servers that work on them, and who may use these."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer(), nullable=False) for name in names]


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _maybe(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text()) for name in names]


def upgrade() -> None:
    """Add the tables."""
    _jobs()
    _servers()
    _access()


def _jobs() -> None:
    op.create_table(
        "managed_jobs",
        *_numbers("id"),
        *_texts("key", "name", "state", "created_at", "updated_at", "task", "options"),
        *_maybe("sealed"),
        *_texts("user", "pool", "group"),
        *_numbers("rank", "size"),
        *_texts("needs", "needed_by"),
        *_numbers("waiting", "turn"),
        *_texts("server"),
        *_numbers("epoch"),
        *_texts("cluster"),
        sa.Column("cluster_job", sa.Integer()),
        *_numbers("runs", "restarts", "recoveries"),
        _flag("cancelling"),
        *_texts("reason"),
        *_maybe("error"),
        sa.Column("exit_code", sa.Integer()),
        *_texts("outputs"),
        *_maybe("cost", "started_at", "ended_at"),
        _flag("ended"),
        sa.Column("primary", sa.Boolean()),
        sa.Column("grace", sa.Float()),
        *_maybe("stop_at"),
        sa.PrimaryKeyConstraint("id", name="pk_managed_jobs"),
        sa.UniqueConstraint("key", name="uq_managed_jobs_key"),
    )
    for name, columns in {
        "state": ["state", "id"],
        "ended": ["ended", "id"],
        "user": ["user", "id"],
        "user_state": ["user", "state", "id"],
        "user_ended": ["user", "ended", "id"],
        "name": ["name", "id"],
        "group": ["group", "id"],
        "pool": ["pool", "id"],
        "server": ["server", "state", "id"],
        "turn": ["state", "waiting", "turn", "id", "user", "pool"],
    }.items():
        op.create_index(f"ix_managed_jobs_{name}", "managed_jobs", columns)
    op.create_table(
        "job_events",
        *_numbers("id"),
        *_texts("at"),
        *_numbers("job"),
        *_texts("kind", "from_state", "to_state", "reason"),
        sa.PrimaryKeyConstraint("id", name="pk_job_events"),
    )
    op.create_index("ix_job_events_job", "job_events", ["job", "id"])


def _servers() -> None:
    op.create_table(
        "servers",
        *_texts("id", "host"),
        *_numbers("pid"),
        *_texts("started", "boot_id", "version", "url", "started_at", "seen_at", "expires_at"),
        sa.PrimaryKeyConstraint("id", name="pk_servers"),
    )
    op.create_table(
        "requests",
        *_texts("id", "kind", "user", "state", "created_at", "updated_at", "arguments"),
        *_maybe("sealed"),
        *_texts("server"),
        *_numbers("epoch"),
        _flag("cancelling"),
        *_maybe("result", "error", "ended_at"),
        sa.PrimaryKeyConstraint("id", name="pk_requests"),
    )
    op.create_index("ix_requests_created_at", "requests", ["created_at", "id"])
    op.create_index("ix_requests_user", "requests", ["user", "created_at", "id"])
    op.create_index("ix_requests_server", "requests", ["server", "state"])


def _access() -> None:
    op.create_table(
        "users",
        *_texts("name", "role", "created_at"),
        _flag("disabled"),
        sa.PrimaryKeyConstraint("name", name="pk_users"),
    )
    op.create_table(
        "tokens",
        *_texts("id", "user", "name", "digest", "scopes", "created_at"),
        *_maybe("expires_at", "revoked_at", "used_at"),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.ForeignKeyConstraint(["user"], ["users.name"], name="fk_tokens_user_users", ondelete="CASCADE"),
    )
    op.create_index("ix_tokens_user", "tokens", ["user"])
    op.create_table(
        "audit",
        *_numbers("id"),
        *_texts("at", "user", "token", "address", "method", "path"),
        *_numbers("status"),
        *_texts("request"),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_user", "audit", ["user", "id"])
    op.create_table(
        "answers",
        *_texts("user", "key", "fingerprint"),
        *_numbers("status"),
        *_texts("body", "created_at"),
        sa.PrimaryKeyConstraint("user", "key", name="pk_answers"),
    )
    op.create_index("ix_answers_created_at", "answers", ["created_at"])
