"""The `shutterpost` command: a table of commands, each imported with its own options."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from shutterpost import __version__
from shutterpost.commands import (
    camera,
    cameras,
    check,
    hosts,
    init,
    login,
    password,
    queue,
    recover,
    serve,
)
from shutterpost.commands.options import USAGE_ERROR
from shutterpost.config import ConfigError

_COMMANDS = {
    "serve": serve,
    "init": init,
    "check": check,
    "hosts": hosts,
    "cameras": cameras,
    "camera": camera,
    "login": login,
    "queue": queue,
    "recover": recover,
    "password": password,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status (2 for a wrong command or configuration)."""
    options = parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except ConfigError as error:
        for line in error.lines:
            print(line, file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="shutterpost", description="The cloud that Samsung's WiFi cameras lost."
    )
    parser.add_argument("--version", action="version", version=f"shutterpost {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, module in _COMMANDS.items():
        about = (module.__doc__ or "").strip().rstrip(".")
        command = commands.add_parser(name, help=about[0].lower() + about[1:], description=about)
        command.set_defaults(command=module.run)
        module.options(command)
    return parser
