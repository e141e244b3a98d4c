"""The configuration: TOML in, a frozen `Config` or every problem at once out."""

from shutterpost.config.load import find, load, with_options
from shutterpost.config.problems import ConfigError
from shutterpost.config.settings import Config

__all__ = ["Config", "ConfigError", "find", "load", "with_options"]
