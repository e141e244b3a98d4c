"""Let Shutterpost post to an account of yours."""

import argparse
import asyncio
import ipaddress
import sys
from pathlib import Path
from urllib.parse import urlsplit

from shutterpost.commands.options import USAGE_ERROR, config_option
from shutterpost.config import find


def options(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("service", choices=["mastodon"], help="mastodon")
    parser.add_argument("url", metavar="URL", help="the server, for example https://photog.social")
    parser.add_argument("--instance", metavar="NAME", default="", help="for [mastodon.NAME]")
    parser.add_argument(
        "--inside", action="store_true", help="the server may be inside your own network"
    )
    config_option(parser)


def run(options: argparse.Namespace) -> int:
    """Returns the exit status."""
    from shutterpost.actions.mastodon_login import (
        InsideNetwork,
        LoginFailed,
        register,
        token,
        write_secret,
    )
    from shutterpost.config.fitting import is_safe
    from shutterpost.config.values import url

    try:
        server = url(options.url)
    except ValueError as error:
        print(f"URL: {error}", file=sys.stderr)
        return USAGE_ERROR
    if not is_safe(server):
        print("URL: must be https, or the token could be read on its way", file=sys.stderr)
        return USAGE_ERROR
    path = find(options.config)
    folder = Path.cwd() if path is None else path.absolute().parent
    name = f"mastodon-{options.instance}.secret" if options.instance else "mastodon.secret"
    section = f"mastodon.{options.instance}" if options.instance else "mastodon"
    try:
        app = asyncio.run(register(server, inside=options.inside or _is_literal(server)))
        where = app.authorization_url()
        print(f"Open this in a browser and allow Shutterpost to post:\n\n{where}\n")
        code = input("The code that it shows: ").strip()
        write_secret(folder / name, app, asyncio.run(token(app, code)))
    except InsideNetwork as error:
        print(f"shutterpost: {error}: if that is what you want, add --inside", file=sys.stderr)
        return 1
    except LoginFailed as error:
        print(f"shutterpost: {error}", file=sys.stderr)
        return 1
    except EOFError:
        print("shutterpost: not logged in: no code was given", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename} cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    print(f"{folder / name} is written. In the configuration:\n")
    print(f'[{section}]\ntoken_file = "{name}"')
    return 0


def _is_literal(url: str) -> bool:
    """Whether somebody typed an address, or this machine's name, and so knows where it is."""
    host = urlsplit(url).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return True
