"""Show or set the page's password."""

import argparse
import getpass
import sys
from typing import TYPE_CHECKING

from shutterpost.commands.options import read_config, server_of, server_options
from shutterpost.config.settings import DATABASE

if TYPE_CHECKING:
    from shutterpost.page_password import PagePassword

_CONFIGURED = (
    "the password is set in the server's configuration ([web] password, password_file or "
    "SHUTTERPOST_WEB_PASSWORD): look there, or change it there"
)


def options(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("--set", action="store_true", help="choose another one")
    server_options(parser)


def run(options: argparse.Namespace) -> int:
    """Returns the exit status."""
    from shutterpost.page_password import PagePassword, PasswordFileError

    config = read_config(options)
    password = PagePassword(config)
    server = server_of(config)
    if password.is_configured or (server and server.password_is_configured):
        print(_CONFIGURED, file=sys.stderr if options.set else sys.stdout)
        return 1 if options.set else 0
    if not (config.storage.data / DATABASE).exists():
        print(
            f"{config.storage.data} is no server's data folder: start the server once, or name "
            "the folder with --data",
            file=sys.stderr,
        )
        return 1
    try:
        return _choose(password) if options.set else _show(password)
    except PasswordFileError as error:
        print(error, file=sys.stderr)
        return 1


def _show(password: "PagePassword") -> int:
    current = password.known()
    if current is None:
        print(
            f"there is no {password.file} yet: the server makes it when it starts with a page",
            file=sys.stderr,
        )
        return 1
    if current.shown:
        print(current.shown)
        return 0
    print("a password was chosen, and only its hash is kept: choose another with --set")
    return 1


def _choose(password: "PagePassword") -> int:
    from shutterpost.page_password import SHORTEST

    if sys.stdin.isatty():
        chosen = getpass.getpass("New password for the page: ")
        if getpass.getpass("Once more: ") != chosen:
            print("these were two different ones; nothing is changed", file=sys.stderr)
            return 1
    else:
        chosen = sys.stdin.readline().rstrip("\n")
    if len(chosen) < SHORTEST:
        print(f"too short: take at least {SHORTEST} characters", file=sys.stderr)
        return 1
    password.choose(chosen)
    print("the password is changed; everyone has to log in again")
    return 0
