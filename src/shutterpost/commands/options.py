"""What several commands share."""

import argparse
import sys

from shutterpost.config import Config, find, load

USAGE_ERROR = 2
"""Exit status for a wrong command or configuration."""


def config_option(parser: argparse.ArgumentParser) -> None:
    """Let the configuration file be named."""
    parser.add_argument("-c", "--config", metavar="FILE", help="the configuration file")


def read_config(options: argparse.Namespace) -> Config:
    """The configuration that the options name, or the usual one. Raises ConfigError."""
    return load(find(options.config))


def unknown_model(name: str) -> int:
    """Tell which models there are; returns the exit status."""
    from shutterpost.camera.models import MODELS

    known = ", ".join(model.name for model in MODELS)
    print(f"no camera is called {name}; there are {known}", file=sys.stderr)
    return USAGE_ERROR
