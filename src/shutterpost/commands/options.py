"""What several commands share: which server, which configuration, which models."""

import argparse
import os
import sys
from pathlib import Path

from shutterpost.config import Config, ConfigError, find, load, with_options
from shutterpost.config.settings import DATABASE
from shutterpost.running import Running, running

USAGE_ERROR = 2
"""Exit status for a wrong command or configuration."""
DATA_VARIABLE = "SHUTTERPOST_DATA"
"""Environment variable that names the data folder, as `--data` does."""

INSTALLED = (
    (Path("/var/lib/shutterpost"), Path("/etc/shutterpost/config.toml")),
    (Path("/data"), Path("/config/config.toml")),
)
"""Data folder and configuration of the systemd unit and of the container image (deploy/)."""


def config_option(parser: argparse.ArgumentParser) -> None:
    """Let the configuration file be named."""
    parser.add_argument("-c", "--config", metavar="FILE", help="the configuration file")


def server_options(parser: argparse.ArgumentParser) -> None:
    """Let the server be named: by its configuration or its data folder."""
    config_option(parser)
    parser.add_argument("--data", metavar="DIR", help=f"the data folder (or ${DATA_VARIABLE})")


def named_data(options: argparse.Namespace) -> str | None:
    """The data folder that the option or the environment names."""
    return options.data or os.environ.get(DATA_VARIABLE) or None


def read_config(options: argparse.Namespace) -> Config:
    """The configuration of the server that is meant. Raises ConfigError.

    What is named counts. Else it is the configuration found here, or the data folder here if
    it is a server's; else the one server that runs on this machine; else the installed one.
    """
    servers = running()
    data, path = named_data(options), find(options.config)
    if data is not None:
        folder = Path(data).absolute()
        if path is None:
            path = next((server.config for server in servers if server.data == folder), None)
        return with_options(load(path), data)
    config = load(path)
    for server in servers:
        if path is not None and server.config is not None and _is_same(server.config, path):
            return with_options(config, str(server.data))
    if path is not None or _is_data_folder(config.storage.data):
        return config
    if len(servers) > 1:
        folders = ", ".join(str(server.data) for server in servers)
        raise ConfigError([f"several servers run here: choose one with --data, of {folders}"])
    if servers:
        return _config_of(servers[0])
    for installed, file in INSTALLED:
        if _is_data_folder(installed):
            return with_options(load(file if file.exists() else path), str(installed))
    return config


def server_of(config: Config) -> Running | None:
    """The running server that uses this configuration's data folder."""
    return next((server for server in running() if server.data == config.storage.data), None)


def unknown_model(name: str) -> int:
    """Tell which models there are; returns the exit status."""
    from shutterpost.camera.models import MODELS

    known = ", ".join(model.name for model in MODELS)
    print(f"no camera is called {name}; there are {known}", file=sys.stderr)
    return USAGE_ERROR


def _config_of(server: Running) -> Config:
    if not os.access(server.data, os.R_OK | os.X_OK):
        raise ConfigError(
            [f"{server.data} belongs to another user: run this command as that user (sudo -u)"]
        )
    return with_options(load(server.config), str(server.data))


def _is_data_folder(folder: Path) -> bool:
    """Whether a server keeps its data there; a folder that may not be read is none of ours."""
    return os.path.exists(folder / DATABASE)  # Path.exists raises for what may not be read


def _is_same(one: Path, other: Path) -> bool:
    return one.absolute().resolve() == other.absolute().resolve()
