"""Be a camera and send files."""

import argparse
import sys
from pathlib import Path

from shutterpost.commands.options import USAGE_ERROR, unknown_model


def options(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    from shutterpost.camera.sites import SITES

    parser.add_argument("model", metavar="MODEL", help="for example NX300")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="photos and videos")
    parser.add_argument(
        "--to", metavar="HOST:PORT", default="127.0.0.1:8080", help="default: %(default)s"
    )
    parser.add_argument(
        "--via",
        metavar="email|SITE",
        choices=["email", *SITES],
        default="email",
        help=f"email, or one of {', '.join(SITES)}",
    )
    parser.add_argument(
        "--recipient",
        metavar="ADDR",
        action="append",
        help="more than once for several; default: photos@example.org",
    )
    parser.add_argument(
        "--sender",
        metavar="ADDR",
        default="Camera@samsungcamera.com",
        help="e-mail sender or social account; default: %(default)s",
    )
    parser.add_argument("--password", metavar="PW", default="", help="of the social account")
    parser.add_argument("--text", default="Sent from Samsung Camera.", help="what was typed")


def run(options: argparse.Namespace) -> int:
    """Returns the exit status."""
    from tqdm import tqdm

    from shutterpost.camera.models import find_model
    from shutterpost.simulator import Camera, NotSent, Shot, size

    host, _, port = options.to.rpartition(":")
    if not host or not port.isdigit():
        print(f"--to: {options.to} is not HOST:PORT", file=sys.stderr)
        return USAGE_ERROR
    try:
        model = find_model(options.model)
    except KeyError:
        return unknown_model(options.model)
    recipients = options.recipient or ["photos@example.org"]
    shot = Shot(options.files, options.sender, recipients, options.text, options.password)
    try:
        bytes_to_go = size(shot, options.via)
        camera = Camera(model, (host.strip("[]"), int(port)))
        camera.check_hotspot()
        with tqdm(
            total=bytes_to_go, unit="B", unit_scale=True, unit_divisor=1024, disable=None
        ) as bar:
            if options.via == "email":
                camera.email(shot, bar.update)
            else:
                camera.share(options.via, shot, bar.update)
    except NotSent as error:
        print(f"{model.name}: not sent: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename} cannot be read: {error.strerror}", file=sys.stderr)
        return 1
    count = len(options.files)
    print(f"{model.name}: sent {count} {'file' if count == 1 else 'files'}")
    return 0
