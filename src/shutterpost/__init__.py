"""Shutterpost: the cloud that Samsung's WiFi cameras lost, on the owner's own machine."""

__version__ = "0.1.0"
REPORTS = "https://github.com/shutterpost/shutterpost/issues"
"""Where people write to us."""
