"""All that survives a power cut: the database and the photos that wait for delivery."""

from shutterpost.spool.database import NewerDatabase
from shutterpost.spool.repeats import Arrival
from shutterpost.spool.spool import AlreadyRunning, Draft, Opened, Spool

__all__ = ["AlreadyRunning", "Arrival", "Draft", "NewerDatabase", "Opened", "Spool"]
