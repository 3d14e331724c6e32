"""Where a session's bars come from in real time."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer
from pydantic import model_validator as after_all

from qtkit.core.config.secret import Secret, masked
from qtkit.market.feeds.http_bars import checked_address

__all__ = ["FeedSettings"]


def _address(text: str) -> str:
    """Return an address that can be asked for bars; "" is none."""
    return checked_address(text) if text else text


class FeedSettings(BaseModel):
    """The feed of a live session; a simulated one plays recorded bars."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )

    kind: str = Field(
        default="synthetic",
        description="csv, parquet, http, synthetic (generated), or the name of a plug-in's",
    )
    path: str = Field(default="", description="of the file, for kinds csv and parquet")
    zone: str = Field(
        default="", description="of times in a CSV file that name no offset; none: the exchange's"
    )
    url: Annotated[str, AfterValidator(_address), PlainSerializer(masked, when_used="json")] = (
        Field(default="", repr=False, description="of the endpoint, for kind http")
    )
    token: Secret | None = Field(default=None, description="sent to the endpoint as a bearer token")
    timeout_seconds: float = Field(default=2, gt=0, le=60, description="real time, one attempt")
    attempts: int = Field(default=3, ge=1, le=10, description="for each poll")
    backoff_seconds: float = Field(
        default=0.2, ge=0, le=10, description="real time before the second attempt; then doubled"
    )
    patience_seconds: float = Field(
        default=8, gt=0, le=60, description="real time, all attempts of a poll together"
    )
    max_bytes: int = Field(
        default=16 * 1024 * 1024, ge=1024, le=1024**3, description="of one answer"
    )
    speed: float = Field(
        default=1, gt=0, le=100_000, description="market seconds in a second of the machine"
    )
    start: AwareDatetime | None = Field(
        default=None, description="where the market's time begins; none: now"
    )

    @after_all(mode="after")
    def _complete(self) -> Self:
        """Refuse a kind that lacks what it needs."""
        needed = {"csv": "path", "parquet": "path", "http": "url"}.get(self.kind)
        if needed and not getattr(self, needed):
            raise ValueError(f"a feed of kind {self.kind} needs {needed}")
        return self

    @property
    def is_replay(self) -> bool:
        """Whether the market's time is not the machine's."""
        return self.start is not None or self.speed != 1

    def begins(self, now: datetime) -> datetime:
        """Return where the market's time begins, if the machine's is `now`."""
        return self.start or now
