"""Moments that can be shown, whatever number a row, a file or a far end has for them."""

from datetime import UTC, datetime, tzinfo

EARLIEST, LATEST = -62_104_060_800.0, 253_370_764_800.0
"""The years 2 and 9999, in seconds since 1970; no time zone leads out of datetime's range."""


def moment(seconds: float, zone: tzinfo | None = None) -> datetime:
    """Seconds since 1970 as a date, here or in a zone; the nearest one that there is."""
    if seconds != seconds:  # noqa: PLR0124 (not a number)
        seconds = EARLIEST
    return datetime.fromtimestamp(min(max(seconds, EARLIEST), LATEST), zone)


def utc(seconds: float) -> datetime:
    """The same in UTC."""
    return moment(seconds, UTC)
