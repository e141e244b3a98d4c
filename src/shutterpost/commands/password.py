"""Show or set the page's password."""

import argparse
import getpass
import sys
from typing import TYPE_CHECKING

from shutterpost.commands.options import config_option, read_config

if TYPE_CHECKING:
    from shutterpost.page_password import PagePassword

SHORTEST = 8


def options(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("--set", action="store_true", help="choose another one")
    config_option(parser)


def run(options: argparse.Namespace) -> int:
    """Returns the exit status."""
    from shutterpost.page_password import PagePassword, PasswordFileError

    password = PagePassword(read_config(options))
    try:
        return _choose(password) if options.set else _show(password)
    except PasswordFileError as error:
        print(error, file=sys.stderr)
        return 1


def _show(password: "PagePassword") -> int:
    if password.is_configured:
        print("the password is the one in the configuration, [web] password")
        return 0
    current = password.current()
    if current.shown:
        print(current.shown)
        return 0
    print("a password was chosen, and only its hash is kept: choose another with --set")
    return 1


def _choose(password: "PagePassword") -> int:
    if password.is_configured:
        print("change [web] password in the configuration, or take it out", file=sys.stderr)
        return 1
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
