"""Migrations make the tables that the code uses, from every version."""

import sqlite3
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, MetaData, create_engine

from shutterpost.spool import schema
from shutterpost.spool.database import Database, NewerDatabase


def setting(pragma: str, connection: Connection) -> object:
    return connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one()


def described(metadata: MetaData) -> dict[str, object]:
    return {
        table.name: (
            {
                column.name: (str(column.type.compile()), column.nullable, column.primary_key)
                for column in table.columns
            },
            {(key.parent.name, key.target_fullname) for key in table.foreign_keys},
            {
                (index.name, tuple(column.name for column in index.columns))
                for index in table.indexes
            },
        )
        for table in metadata.tables.values()
    }


def test_all_migrations_together_make_the_tables(tmp_path: Path) -> None:
    database = Database(tmp_path / "db")
    database.open()
    database.close()
    found = MetaData()
    engine = create_engine(f"sqlite:///{tmp_path / 'db'}")
    found.reflect(engine)
    engine.dispose()
    found.remove(found.tables["sqlite_sequence"]) if "sqlite_sequence" in found.tables else None
    assert described(found) == described(schema.metadata)


def test_migrating_again_changes_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        database = Database(tmp_path / "db")
        database.open()
        database.close()
    with sqlite3.connect(tmp_path / "db") as connection:
        rows = connection.execute("SELECT version FROM schema_version").fetchall()
    connection.close()
    assert rows == [(len(schema.MIGRATIONS),)]


def test_a_newer_database_is_left_alone(tmp_path: Path) -> None:
    database = Database(tmp_path / "db")
    database.open()
    database.close()
    connection = sqlite3.connect(tmp_path / "db")
    connection.execute("UPDATE schema_version SET version = 99")
    connection.commit()
    connection.close()
    with pytest.raises(NewerDatabase, match="version 99"):
        Database(tmp_path / "db").open()


def test_the_database_is_its_owners_alone_and_safe_against_power_cuts(tmp_path: Path) -> None:
    database = Database(tmp_path / "db")
    database.open()
    try:
        assert (tmp_path / "db").stat().st_mode & 0o777 == 0o600
        for pragma, value in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)):
            assert database.read_now(partial(setting, pragma)) == value
    finally:
        database.close()


def test_photos_of_the_first_release_were_received_with_their_shipment(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "db")
    connection.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
    connection.execute("INSERT INTO schema_version VALUES (4)")
    for statements in schema.MIGRATIONS[:4]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(
        "INSERT INTO shipments (received, sender, sender_name, recipients, site, subject, text, "
        "camera, device, client, fingerprint) "
        "VALUES (1234.5, 'a@b.c', '', '[]', '', '', '', '', '', '', '')"
    )
    connection.execute(
        "INSERT INTO photos (shipment_id, position, name, media_type, size, sha256, file) "
        "VALUES (1, 0, 'A.JPG', 'image/jpeg', 1, '', 'x')"
    )
    connection.commit()
    connection.close()
    database = Database(tmp_path / "db")
    database.open()
    database.close()
    connection = sqlite3.connect(tmp_path / "db")
    rows = connection.execute("SELECT received, name, cut FROM photos").fetchall()
    assert rows == [(1234.5, "A.JPG", 0)]
    connection.close()
