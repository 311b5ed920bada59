"""Limits for each contributor to a hosted training."""

from __future__ import annotations

from pydantic import Field

from soulsai_core.config.base import Settings


class ContributorSettings(Settings):
    max_message_mb: float = Field(
        default=4, gt=0, description="Largest size of a message in MB; larger ones are rejected without being read."
    )
    max_messages_per_s: float = Field(
        default=5000,
        gt=0,
        description="Messages per second on average, episodes and heartbeats included; those above are rejected.",
    )
    max_mb_per_s: float = Field(default=20, gt=0, description="MB per second on average; messages above are rejected.")
    max_report_kb_per_s: float = Field(
        default=256,
        gt=0,
        description="kB per second of episode reports on average; reports above are rejected. A report has about 0.3.",
    )
    max_backlog_entries: int = Field(
        default=10_000,
        gt=5000,
        description="Largest number of waiting messages; with more, all are deleted and the contributor is suspended.",
    )
    max_backlog_mb: float = Field(
        default=64,
        gt=32,
        description="Largest size of the waiting messages in MB; with more, all are deleted and the contributor is "
        "suspended.",
    )
    max_clients: int = Field(default=16, ge=1, description="Clients of one contributor at the same time.")
    max_connections: int = Field(
        default=96, ge=8, description="Connections of one contributor; further ones are closed. A client needs 4 or 5."
    )
    max_connections_mb: float = Field(
        default=96,
        gt=0,
        description=(
            "Memory in MB that the server may hold for one contributor's connections, such as replies that are not "
            "read; above this, the largest connections are closed."
        ),
    )
    max_abs_return: float = Field(
        default=1e6, gt=0, description="Episodes with a return of larger magnitude are rejected."
    )
    suspension_s: float = Field(default=60, ge=0, description="Seconds of a suspension; 0: none.")
