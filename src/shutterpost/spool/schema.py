"""The database's tables, and the steps that bring an older database up to them.

`MIGRATIONS` is only ever appended to: each entry is one version's statements. A test
holds that all of them together make exactly the tables below.
"""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

version = Table("schema_version", metadata, Column("version", Integer, nullable=False))

shipments = Table(
    "shipments",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("received", Float, nullable=False),
    Column("sender", Text, nullable=False),
    Column("sender_name", Text, nullable=False),
    Column("recipients", JSON, nullable=False),
    Column("site", String(40), nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("camera", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("session", String(32), nullable=False),
    Column("photos_before", Integer, nullable=False),
    Column("quiet_until", Float, nullable=False),
    Column("complete", Boolean, nullable=False),
    Index("shipments_by_fingerprint", "fingerprint", "received"),
    Index("shipments_by_session", "session"),
    sqlite_autoincrement=True,
)

photos = Table(
    "photos",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("shipment_id", Integer, ForeignKey("shipments.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("file", String(64), nullable=False),
    Column("purged", Boolean, nullable=False),
    Column("received", Float, nullable=False),
    Column("cut", Boolean, nullable=False),
    Index("photos_by_shipment", "shipment_id", "position"),
    Index("photos_by_time", "received"),
    sqlite_autoincrement=True,
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(64), nullable=False, unique=True),
    Column("shipment_id", Integer, ForeignKey("shipments.id"), nullable=False),
    Column("photo_id", Integer, ForeignKey("photos.id")),
    Column("action", Text, nullable=False),
    Column("recipients", JSON, nullable=False),
    Column("state", String(10), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due", Float, nullable=False),
    Column("created", Float, nullable=False),
    Column("finished", Float),
    Column("receipt", Text, nullable=False),
    Column("last_error", Text, nullable=False),
    Column("progress", JSON, nullable=False),
    Column("patient_since", Float, nullable=False),
    Column("told", Boolean, nullable=False),
    Index("deliveries_by_due", "state", "due"),
    Index("deliveries_by_shipment", "shipment_id"),
    sqlite_autoincrement=True,
)

sessions = Table(
    "sessions",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("account", Text, nullable=False),
    Column("site", String(40), nullable=False),
    Column("client", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("used", Float, nullable=False),
    Index("sessions_by_use", "used"),
)

announcements = Table(
    "announcements",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("session", String(32), nullable=False),
    Column("site", String(40), nullable=False),
    Column("name", Text, nullable=False),
    Column("camera", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("photo_id", Integer, ForeignKey("photos.id")),
    Index("announcements_by_session", "session"),
    sqlite_autoincrement=True,
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("delivery_id", Integer, ForeignKey("deliveries.id"), nullable=False),
    Column("finished", Float, nullable=False),
    Column("error", Text, nullable=False),
    Index("attempts_by_delivery", "delivery_id"),
    sqlite_autoincrement=True,
)

pauses = Table(
    "pauses",
    metadata,
    Column("action", Text, primary_key=True),
    Column("since", Float, nullable=False),
    Column("why", Text, nullable=False),
    Column("told", Boolean, nullable=False),
)

devices = Table(
    "devices",
    metadata,
    Column("client", Text, primary_key=True),
    Column("first_seen", Float, nullable=False),
    Column("last_seen", Float, nullable=False),
    Column("device", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("last_name", Text, nullable=False),
    Column("last_dns", Float, nullable=False),
    Column("last_host", Text, nullable=False),
    Column("last_check", Float, nullable=False),
    Column("last_upload", Float, nullable=False),
    Column("quirks", JSON, nullable=False),
)

hotspots = Table(
    "hotspots",
    metadata,
    Column("client", Text, primary_key=True),
    Column("host", Text, primary_key=True),
    Column("answer", String(10), nullable=False),
)

clock = Table("clock", metadata, Column("seen", Float, nullable=False))

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE shipments (
            id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
            received FLOAT NOT NULL,
            sender TEXT NOT NULL,
            sender_name TEXT NOT NULL,
            recipients JSON NOT NULL,
            site VARCHAR(40) NOT NULL,
            subject TEXT NOT NULL,
            text TEXT NOT NULL,
            camera TEXT NOT NULL,
            device TEXT NOT NULL,
            client TEXT NOT NULL,
            fingerprint VARCHAR(64) NOT NULL
        )""",
        "CREATE INDEX shipments_by_fingerprint ON shipments (fingerprint, received)",
        """CREATE TABLE photos (
            id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
            shipment_id INTEGER NOT NULL REFERENCES shipments (id),
            position INTEGER NOT NULL,
            name TEXT NOT NULL,
            media_type TEXT NOT NULL,
            size INTEGER NOT NULL,
            sha256 VARCHAR(64) NOT NULL,
            file VARCHAR(64) NOT NULL
        )""",
        "CREATE INDEX photos_by_shipment ON photos (shipment_id, position)",
        """CREATE TABLE deliveries (
            id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
            key VARCHAR(64) NOT NULL UNIQUE,
            shipment_id INTEGER NOT NULL REFERENCES shipments (id),
            photo_id INTEGER REFERENCES photos (id),
            action TEXT NOT NULL,
            recipients JSON NOT NULL,
            state VARCHAR(10) NOT NULL,
            attempts INTEGER NOT NULL,
            due FLOAT NOT NULL,
            created FLOAT NOT NULL,
            finished FLOAT,
            receipt TEXT NOT NULL,
            last_error TEXT NOT NULL,
            progress JSON NOT NULL
        )""",
        "CREATE INDEX deliveries_by_due ON deliveries (state, due)",
        "CREATE INDEX deliveries_by_shipment ON deliveries (shipment_id)",
    ),
    (
        "ALTER TABLE shipments ADD COLUMN session VARCHAR(32) NOT NULL DEFAULT ''",
        "ALTER TABLE shipments ADD COLUMN photos_before INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE shipments ADD COLUMN quiet_until FLOAT NOT NULL DEFAULT 0",
        "ALTER TABLE shipments ADD COLUMN complete BOOLEAN NOT NULL DEFAULT TRUE",
        "CREATE INDEX shipments_by_session ON shipments (session)",
        """CREATE TABLE sessions (
            key VARCHAR(32) NOT NULL PRIMARY KEY,
            account TEXT NOT NULL,
            site VARCHAR(40) NOT NULL,
            client TEXT NOT NULL,
            created FLOAT NOT NULL,
            used FLOAT NOT NULL
        )""",
        "CREATE INDEX sessions_by_use ON sessions (used)",
        """CREATE TABLE announcements (
            id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
            session VARCHAR(32) NOT NULL,
            site VARCHAR(40) NOT NULL,
            name TEXT NOT NULL,
            camera TEXT NOT NULL,
            text TEXT NOT NULL,
            created FLOAT NOT NULL,
            photo_id INTEGER REFERENCES photos (id)
        )""",
        "CREATE INDEX announcements_by_session ON announcements (session)",
        """CREATE TABLE hotspots (
            client TEXT NOT NULL,
            host TEXT NOT NULL,
            answer VARCHAR(10) NOT NULL,
            PRIMARY KEY (client, host)
        )""",
    ),
    (
        "ALTER TABLE deliveries ADD COLUMN patient_since FLOAT NOT NULL DEFAULT 0",
        "ALTER TABLE deliveries ADD COLUMN told BOOLEAN NOT NULL DEFAULT FALSE",
        "UPDATE deliveries SET patient_since = created",
        "ALTER TABLE photos ADD COLUMN purged BOOLEAN NOT NULL DEFAULT FALSE",
        """CREATE TABLE attempts (
            id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
            delivery_id INTEGER NOT NULL REFERENCES deliveries (id),
            finished FLOAT NOT NULL,
            error TEXT NOT NULL
        )""",
        "CREATE INDEX attempts_by_delivery ON attempts (delivery_id)",
        """CREATE TABLE pauses (
            action TEXT NOT NULL PRIMARY KEY,
            since FLOAT NOT NULL,
            why TEXT NOT NULL,
            told BOOLEAN NOT NULL
        )""",
    ),
    (
        """CREATE TABLE devices (
            client TEXT NOT NULL PRIMARY KEY,
            first_seen FLOAT NOT NULL,
            last_seen FLOAT NOT NULL,
            device TEXT NOT NULL,
            model TEXT NOT NULL,
            user_agent TEXT NOT NULL,
            last_name TEXT NOT NULL,
            last_dns FLOAT NOT NULL,
            last_host TEXT NOT NULL,
            last_check FLOAT NOT NULL,
            last_upload FLOAT NOT NULL,
            quirks JSON NOT NULL
        )""",
    ),
    (
        # A far end's Retry-After may have put a delivery off beyond the year 9999.
        "UPDATE deliveries SET due = created WHERE due > 253370764800",
        "ALTER TABLE photos ADD COLUMN received FLOAT NOT NULL DEFAULT 0",
        "UPDATE photos SET received = "
        "(SELECT received FROM shipments WHERE shipments.id = photos.shipment_id)",
        "CREATE INDEX photos_by_time ON photos (received)",
        "CREATE TABLE clock (seen FLOAT NOT NULL)",
        "ALTER TABLE photos ADD COLUMN cut BOOLEAN NOT NULL DEFAULT FALSE",
    ),
)
