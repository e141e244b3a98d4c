"""All that survives a power cut: the database and the photos that wait for delivery."""

from shutterpost.spool.database import NewerDatabase
from shutterpost.spool.spool import AlreadyRunning, Draft, Spool

__all__ = ["AlreadyRunning", "Draft", "NewerDatabase", "Spool"]
