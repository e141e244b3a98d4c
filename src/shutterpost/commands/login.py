"""Let Shutterpost post to an account of yours, or mail from it."""

import argparse
import asyncio
import ipaddress
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from shutterpost.commands.options import USAGE_ERROR, config_option
from shutterpost.config import find

SECRET_VARIABLE = "SHUTTERPOST_EMAIL_OAUTH_CLIENT_SECRET"  # noqa: S105 (a name)
"""The secret of the app that logs in for `email`, if it has one."""


def options(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("service", choices=["mastodon", "email"])
    parser.add_argument(
        "url",
        metavar="URL",
        nargs="?",
        default="",
        help="mastodon: the server, for example https://photog.social; "
        "email: where tokens come from (default: Microsoft)",
    )
    parser.add_argument("--instance", metavar="NAME", default="", help="for [mastodon.NAME]")
    parser.add_argument(
        "--inside", action="store_true", help="the server may be inside your own network"
    )
    parser.add_argument(
        "--client-id", metavar="ID", default="", help="email: the app that you registered"
    )
    parser.add_argument(
        "--device-url", metavar="URL", default="", help="email: where device codes come from"
    )
    parser.add_argument(
        "--scope", metavar="TEXT", default="", help="email: what the app asks for (to send by SMTP)"
    )
    config_option(parser)


def run(options: argparse.Namespace) -> int:
    """Returns the exit status."""
    try:
        return {"mastodon": _mastodon, "email": _email}[options.service](options)
    except ValueError as error:
        print(f"shutterpost: {error}", file=sys.stderr)
        return USAGE_ERROR
    except EOFError:
        print("shutterpost: not logged in: no code was given", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename} cannot be written: {error.strerror}", file=sys.stderr)
        return 1


def _mastodon(options: argparse.Namespace) -> int:
    from shutterpost.actions.mastodon_login import (
        InsideNetwork,
        LoginFailed,
        register,
        token,
        write_secret,
    )
    from shutterpost.config.values import url

    server = _safe("URL", url, options.url)
    name = f"mastodon-{options.instance}.secret" if options.instance else "mastodon.secret"
    section = f"mastodon.{options.instance}" if options.instance else "mastodon"
    file = _folder(options) / name
    try:
        app = asyncio.run(register(server, inside=options.inside or _is_literal(server)))
        where = app.authorization_url()
        print(f"Open this in a browser and allow Shutterpost to post:\n\n{where}\n")
        code = input("The code that it shows: ").strip()
        write_secret(file, app, asyncio.run(token(app, code)))
    except InsideNetwork as error:
        print(f"shutterpost: {error}: if that is what you want, add --inside", file=sys.stderr)
        return 1
    except LoginFailed as error:
        print(f"shutterpost: {error}", file=sys.stderr)
        return 1
    print(f"{file} is written. In the configuration:\n")
    print(f'[{section}]\ntoken_file = "{name}"')
    return 0


def _email(options: argparse.Namespace) -> int:
    from shutterpost.actions import oauth_login as login
    from shutterpost.config.values import endpoint
    from shutterpost.durable import write_private

    token_url = _safe("URL", endpoint, options.url or login.MICROSOFT)
    device_url = options.device_url or login.device_url(token_url)
    device_url = _safe("--device-url", endpoint, device_url)
    if not options.client_id:
        raise ValueError("give the app that you registered: --client-id (docs/mail.md)")
    scope = options.scope or (login.MICROSOFT_SCOPE if login.device_url(token_url) else "")
    if not scope:
        raise ValueError("give what the app asks for, to send by SMTP: --scope (docs/mail.md)")
    secret = os.environ.get(SECRET_VARIABLE, "")
    client = login.Client(token_url, device_url, options.client_id, secret, scope)
    file = _folder(options) / "email.secret"
    try:
        device = asyncio.run(login.begin(client))
        print(f"Open {device.url} in a browser and enter the code {device.user_code}")
        print(f"(waiting {device.lifetime / 60:.0f} minutes at most)", flush=True)
        token = asyncio.run(login.refresh_token(client, device))
    except login.LoginFailed as error:
        print(f"shutterpost: {error}", file=sys.stderr)
        return 1
    write_private(file, f"{token}\n")
    print(f"{file} is written. In the configuration, after [email] with your username:\n")
    print(f"[email.oauth]\nclient_id = {json.dumps(options.client_id)}")
    print(f'token_url = {json.dumps(token_url)}\nrefresh_token_file = "{file.name}"')
    return 0


def _folder(options: argparse.Namespace) -> Path:
    """Where the configuration is, or would be."""
    path = find(options.config)
    return Path.cwd() if path is None else path.absolute().parent


def _safe(what: str, read: Callable[[object], str], typed: str) -> str:
    """A URL to which secrets may go. Raises ValueError."""
    from shutterpost.config.fitting import is_safe

    try:
        found = read(typed)
        if not found:
            raise ValueError("is missing")
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None
    if not is_safe(found):
        raise ValueError(f"{what}: must be https, or the token could be read on its way")
    return found


def _is_literal(url: str) -> bool:
    """Whether somebody typed an address, or this machine's name, and so knows where it is."""
    host = urlsplit(url).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return True
