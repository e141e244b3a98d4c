"""Print what to paste so that cameras find this machine."""

import argparse
import sys

from shutterpost.commands.options import USAGE_ERROR, unknown_model


def options(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    from shutterpost.hosts import FORMATS

    parser.add_argument("--ip", metavar="ADDR", help="this machine's address (default: found out)")
    parser.add_argument("--camera", metavar="MODEL", help="only what this camera needs")
    parser.add_argument("--format", choices=FORMATS, default="hosts", help="for which resolver")


def run(options: argparse.Namespace) -> int:
    """Returns the exit status."""
    import ipaddress

    from shutterpost.camera.models import find_model
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
    print(FORMATS[options.format](wanted(address, model)), end="")
    return 0
