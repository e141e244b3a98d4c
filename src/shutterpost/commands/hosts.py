"""Print what to paste so that cameras find this machine."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from shutterpost.commands.options import USAGE_ERROR, unknown_model

if TYPE_CHECKING:
    from shutterpost.hosts import Wanted


def options(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    from shutterpost.hosts import FORMATS

    parser.add_argument("--ip", metavar="ADDR", help="this machine's address (default: found out)")
    parser.add_argument("--camera", metavar="MODEL", help="only what this camera needs")
    parser.add_argument("--format", choices=FORMATS, default="hosts", help="for which resolver")
    parser.add_argument(
        "--write", type=Path, metavar="DIR", help="with --format autoexec: write the card's files"
    )


def run(options: argparse.Namespace) -> int:
    """Returns the exit status."""
    import ipaddress

    from shutterpost.camera.models import HostsFile, find_model
    from shutterpost.hosts import FORMATS, own_address, wanted

    try:
        model = find_model(options.camera) if options.camera else None
        address = str(ipaddress.IPv4Address(options.ip)) if options.ip else own_address()
    except KeyError:
        return unknown_model(options.camera)
    except ValueError:
        print(f"--ip: {options.ip} is not an IPv4 address (cameras know no other)", file=sys.stderr)
        return USAGE_ERROR
    except OSError:
        print("this machine's address is unknown: give it with --ip", file=sys.stderr)
        return 1
    names = wanted(address, model)
    if options.format == "autoexec" and model and model.hosts_file is HostsFile.NONE:
        print(f"the {model.name} reads no hosts file: use another --format", file=sys.stderr)
        return 1
    if options.write is None:
        print(FORMATS[options.format](names), end="")
        return 0
    if options.format != "autoexec":
        print("--write needs --format autoexec: only cards take files", file=sys.stderr)
        return USAGE_ERROR
    if model and model.hosts_file is HostsFile.WRITABLE:
        print(
            f"the {model.name} takes a line in a shell instead of files: see the output "
            "without --write",
            file=sys.stderr,
        )
        return 1
    return _write(options.write, names)


def _write(card: Path, names: "Wanted") -> int:
    """Write the card's files, and never over a file of someone else's."""
    from shutterpost.hosts import card_files

    files = card_files(names)
    try:
        for name, text in files.items():
            path = card / name
            if path.exists() and path.read_bytes() != text.encode():
                print(f"{path} is there already and stays as it is: remove it", file=sys.stderr)
                return 1
        for name, text in files.items():
            (card / name).write_bytes(text.encode())
    except OSError as error:
        print(f"{error.filename or card}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"written: {', '.join(str(card / name) for name in files)}")
    return 0
