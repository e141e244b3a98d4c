"""The `shutterpost` command. Imports what a command needs when it runs."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from shutterpost import __version__
from shutterpost.config import Config, ConfigError, find, load, with_options

USAGE_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status (2 for a wrong command or configuration)."""
    options = _parser().parse_args(arguments)
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="shutterpost", description="The cloud that Samsung's WiFi cameras lost."
    )
    parser.add_argument("--version", action="version", version=f"shutterpost {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, run, about, options in _COMMANDS:
        command = commands.add_parser(name, help=about, description=about)
        command.set_defaults(command=run)
        options(command)
    return parser


def _config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", "--config", metavar="FILE", help="the configuration file")


def _config(options: argparse.Namespace) -> Config:
    return load(find(options.config))


def _serve_options(parser: argparse.ArgumentParser) -> None:
    _config_option(parser)
    parser.add_argument("--data", metavar="DIR", help="keep everything there")
    parser.add_argument("--listen", metavar="ADDR:PORT", help="where cameras arrive")
    parser.add_argument("--web", metavar="ADDR:PORT|off", help="where the people's page is")


def _serve(options: argparse.Namespace) -> int:
    config = with_options(_config(options), options.data, options.listen, options.web)
    from shutterpost.server import CannotStart, run

    try:
        run(config)
    except CannotStart as error:
        print(f"shutterpost: {error}", file=sys.stderr)
        return 1
    return 0


def _init_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", default="config.toml", metavar="FILE")


def _init(options: argparse.Namespace) -> int:
    from shutterpost.config.template import config_file

    path = Path(options.file)
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(config_file())
    except FileExistsError:
        print(f"{path} is there already and stays as it is; name another file", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{path} cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    print(f"{path} is written: edit it, then try `shutterpost check -c {path}`")
    return 0


def _check_options(parser: argparse.ArgumentParser) -> None:
    _config_option(parser)
    parser.add_argument("--offline", action="store_true", help="do not use the network")


def _check(options: argparse.Namespace) -> int:
    from shutterpost.check import FAIL, checks

    failed = False
    for result in checks(_config(options), options.offline):
        print(result, flush=True)
        failed = failed or result.verdict == FAIL
    return 1 if failed else 0


def _hosts_options(parser: argparse.ArgumentParser) -> None:
    from shutterpost.hosts import FORMATS

    parser.add_argument("--ip", metavar="ADDR", help="this machine's address (default: found out)")
    parser.add_argument("--camera", metavar="MODEL", help="only what this camera needs")
    parser.add_argument("--format", choices=FORMATS, default="hosts", help="for which resolver")


def _hosts(options: argparse.Namespace) -> int:
    import ipaddress

    from shutterpost.camera.models import find_model
    from shutterpost.hosts import FORMATS, own_address

    try:
        model = find_model(options.camera) if options.camera else None
        address = str(ipaddress.IPv4Address(options.ip)) if options.ip else own_address()
    except KeyError:
        return _unknown_model(options.camera)
    except ValueError:
        print(f"--ip: {options.ip} is not an IPv4 address (cameras know no other)", file=sys.stderr)
        return USAGE_ERROR
    except OSError:
        print("this machine's address is unknown: give it with --ip", file=sys.stderr)
        return 1
    print(FORMATS[options.format](address, model), end="")
    return 0


def _camera_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="for example NX300")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="photos and videos")
    parser.add_argument(
        "--to", metavar="HOST:PORT", default="127.0.0.1:8080", help="default: %(default)s"
    )
    parser.add_argument("--via", metavar="email", choices=["email"], default="email")
    parser.add_argument(
        "--recipient",
        metavar="ADDR",
        action="append",
        help="more than once for several; default: photos@example.org",
    )
    parser.add_argument(
        "--sender", metavar="ADDR", default="Camera@samsungcamera.com", help="default: %(default)s"
    )
    parser.add_argument("--text", default="Sent from Samsung Camera.", help="what was typed")


def _camera(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from shutterpost.camera.models import find_model
    from shutterpost.simulator import NotSent, Shot, can_email, email_size, send_email

    host, _, port = options.to.rpartition(":")
    if not host or not port.isdigit():
        print(f"--to: {options.to} is not HOST:PORT", file=sys.stderr)
        return USAGE_ERROR
    try:
        model = find_model(options.model)
    except KeyError:
        return _unknown_model(options.model)
    if not can_email(model):
        print(f"what a {model.name} says is not known: {model.note}", file=sys.stderr)
        return 1
    recipients = options.recipient or ["photos@example.org"]
    shot = Shot(options.files, options.sender, recipients, options.text)
    try:
        bar = tqdm(
            total=email_size(shot), unit="B", unit_scale=True, unit_divisor=1024, disable=None
        )
        with bar:
            send_email((host.strip("[]"), int(port)), shot, bar.update)
    except NotSent as error:
        print(f"{model.name}: not sent: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename} cannot be read: {error.strerror}", file=sys.stderr)
        return 1
    count = len(options.files)
    print(f"{model.name}: sent {count} {'file' if count == 1 else 'files'}")
    return 0


def _unknown_model(name: str) -> int:
    from shutterpost.camera.models import MODELS

    known = ", ".join(model.name for model in MODELS)
    print(f"no camera is called {name}; there are {known}", file=sys.stderr)
    return USAGE_ERROR


_COMMANDS: tuple[
    tuple[
        str,
        Callable[[argparse.Namespace], int],
        str,
        Callable[[argparse.ArgumentParser], None],
    ],
    ...,
] = (
    ("serve", _serve, "run the server", _serve_options),
    ("init", _init, "write a commented configuration with a fresh secret", _init_options),
    ("check", _check, "try what the configuration promises", _check_options),
    ("hosts", _hosts, "print what to paste so that cameras find this machine", _hosts_options),
    ("camera", _camera, "be a camera and send files", _camera_options),
)
