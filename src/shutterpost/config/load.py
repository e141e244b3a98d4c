"""Finds, reads and checks a configuration file.

Every problem is collected, so that the owner sees them all at once, with the line.
"""

import dataclasses
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from shutterpost.config import fitting, reference, values
from shutterpost.config.problems import ConfigError, Problems
from shutterpost.config.reader import Reader
from shutterpost.config.settings import Config

CONFIG_VARIABLES = ("SHUTTERPOST_CONFIG", "CONFIG")
"""Environment variables that name the configuration file; the first one counts."""


def find(option: str | None, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The file to read: the option's, the environment's, ./config.toml, or none."""
    for named in (option, *(environ.get(name) for name in CONFIG_VARIABLES)):
        if named:
            return Path(named)
    return Path("config.toml") if Path("config.toml").exists() else None


def load(path: Path | None, environ: Mapping[str, str] = os.environ) -> Config:
    """Read a configuration, or the defaults without a file. Raises ConfigError."""
    text = "" if path is None else _text_of(path)
    file = str(path or "environment")
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{file}: this is not TOML: {error}"]) from None
    except RecursionError:
        raise ConfigError([f"{file}: this is nested too deeply"]) from None
    base = Path.cwd() if path is None else path.absolute().parent
    warnings: list[str] = []
    problems = Problems()
    written = table
    dialect = reference.recognised(table)
    if dialect:
        base = Path.cwd()
        table, warnings = reference.translated(table, base, problems)
        reference.place_data(table, base, base if path is None else path.absolute().parent)
    reader = Reader(problems, base, environ, lenient=dialect)
    config = reader.config(table)
    if dialect:
        problems, lesser = _by_weight(problems, written)
        warnings += lesser.messages(file, text)
    if problems.found:
        raise ConfigError(problems.messages(file, text))
    return dataclasses.replace(
        _keeping_tokens(config),
        source=path,
        folder=base,
        reference_dialect=dialect,
        earlier_data=base / reference.EARLIER_DATA if dialect else None,
        warnings=(*warnings, *fitting.warnings(config)),
    )


def _by_weight(problems: Problems, written: dict[str, object]) -> tuple[Problems, Problems]:
    """What forbids to start, and what only does not work, with the keys that the owner wrote.

    A value that could not be read was left at its default.
    """
    fatal, lesser = Problems(), Problems()
    for key, why in problems.found:
        chosen = fatal if reference.is_fatal(key) else lesser
        chosen.add(reference.original(key, written), why)
    return fatal, lesser


def with_options(
    config: Config, data: str | None = None, listen: str | None = None, web: str | None = None
) -> Config:
    """The configuration with the command line's options in place. Raises ConfigError."""
    problems = []
    storage, server, page = config.storage, config.server, config.web
    if data is not None:
        folder = Path(data).absolute()
        photos = storage.photos
        if photos in (storage.data / "photos", (config.earlier_data or folder) / "photos"):
            photos = folder / "photos"
        storage = dataclasses.replace(storage, data=folder, photos=photos)
        config = dataclasses.replace(config, earlier_data=None)
        if why := fitting.overlap(storage):
            problems.append(f"--data: {why}; choose another folder")
    try:
        if listen is not None:
            server = dataclasses.replace(server, listen=values.address(listen))
    except ValueError as error:
        problems.append(f"--listen: {error}")
    try:
        if web is not None:
            page = dataclasses.replace(page, listen=values.address_or_off(web))
    except ValueError as error:
        problems.append(f'--web: {error}, or "off"')
    if problems:
        raise ConfigError(problems)
    config = dataclasses.replace(config, storage=storage, server=server, web=page)
    return _keeping_tokens(config)


def _keeping_tokens(config: Config) -> Config:
    """The configuration with the place of newer tokens, which is in the data folder."""
    oauth = dataclasses.replace(config.email.oauth, kept=config.storage.data / "email-oauth.secret")
    return dataclasses.replace(config, email=dataclasses.replace(config.email, oauth=oauth))


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError([f"{path}: this is not UTF-8 text"]) from None
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from None
