"""Try what the configuration promises."""

import argparse

from shutterpost.commands.options import read_config, server_options


def options(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    server_options(parser)
    parser.add_argument("--dns", metavar="ADDR[:PORT]", default="", help="also ask this resolver")
    parser.add_argument("--offline", action="store_true", help="do not use the network")


def run(options: argparse.Namespace) -> int:
    """Returns the exit status."""
    from shutterpost.check import FAIL, checks

    failed = False
    for result in checks(read_config(options), options.offline, options.dns):
        print(result, flush=True)
        failed = failed or result.verdict == FAIL
    return 1 if failed else 0
