"""Run the server."""

import argparse
import sys

from shutterpost.commands.options import config_option, read_config
from shutterpost.config import with_options
from shutterpost.logs import FORMATS


def options(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    config_option(parser)
    parser.add_argument("--data", metavar="DIR", help="keep everything there")
    parser.add_argument("--listen", metavar="ADDR:PORT", help="where cameras arrive")
    parser.add_argument("--log-format", choices=FORMATS, default="text", help="of stderr")
    parser.add_argument("--web", metavar="ADDR:PORT|off", help="where the people's page is")


def run(options: argparse.Namespace) -> int:
    """Returns the exit status."""
    config = with_options(read_config(options), options.data, options.listen, options.web)
    from shutterpost.server import CannotStart, serve

    try:
        serve(config, options.log_format)
    except CannotStart as error:
        print(f"shutterpost: {error}", file=sys.stderr)
        return 1
    return 0
