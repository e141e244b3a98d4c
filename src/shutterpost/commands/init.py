"""Write a commented configuration with a fresh secret."""

import argparse
import os
import sys
from pathlib import Path


def options(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument(
        "file", nargs="?", default="config.toml", metavar="FILE", help="default: %(default)s"
    )
    parser.add_argument("--data", metavar="DIR", help="a data folder that is there already")
    parser.add_argument(
        "--page",
        choices=["here", "home"],
        help="who reaches the page: this machine alone, or the home network (asked otherwise)",
    )


_PAGES = {"here": "", "home": "0.0.0.0:8081"}


def _ask() -> str:
    """Where the page shall be, if there is someone to ask."""
    if not sys.stdin.isatty():
        return "here"
    said = input("Should other devices of your home network see the page? [y/N] ")
    return "home" if said.strip().lower() in ("y", "yes") else "here"


def run(options: argparse.Namespace) -> int:
    """Returns the exit status."""
    from shutterpost.config.template import config_file
    from shutterpost.secret import fresh

    path = Path(options.file)
    data = Path(options.data) if options.data else None
    made = path.absolute().parent / (data or "data") / "secret"
    try:
        if path.exists():
            raise FileExistsError
        # Photos that are already there must not get another folder from now on.
        secret = made.read_text("ascii").strip() if made.exists() else fresh()
        text = config_file(secret, _PAGES[options.page or _ask()], options.data or "")
        # Opened after the question: Ctrl-C there leaves nothing behind.
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
    except FileExistsError:
        print(f"{path} is there already and stays as it is; name another file", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename or path}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"{path} is written: edit it, then try `shutterpost check -c {path}`")
    return 0
