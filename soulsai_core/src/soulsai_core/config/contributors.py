"""What each contributor to a hosted training may do at most."""

from __future__ import annotations

from pydantic import Field

from soulsai_core.config.base import Settings


class ContributorSettings(Settings):
    max_message_mb: float = Field(default=4, gt=0, description="Messages beyond this size, in MB, are rejected unread.")
    max_messages_per_s: float = Field(
        default=5000,
        gt=0,
        description="Mean number of messages, episodes and signs of life among them; those beyond are rejected.",
    )
    max_mb_per_s: float = Field(default=20, gt=0, description="Likewise for their size.")
    max_backlog_entries: int = Field(
        default=10_000,
        gt=5000,
        description="More messages waiting are a flood: they are thrown away, and who sent them is suspended.",
    )
    max_backlog_mb: float = Field(default=64, gt=32, description="Likewise for their size.")
    max_clients: int = Field(default=16, ge=1, description="Clients of one contributor at a time.")
    max_abs_return: float = Field(
        default=1e6, gt=0, description="Episodes with a return of larger magnitude are rejected."
    )
    suspension_s: float = Field(default=60, ge=0, description="How long a suspension lasts; 0: nobody is suspended.")
