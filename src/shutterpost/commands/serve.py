"""Run the server."""

import argparse
import sys

from shutterpost.commands.options import named_data, server_options
from shutterpost.config import Config, find, load, with_options
from shutterpost.logs import FORMATS


def options(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    server_options(parser)
    parser.add_argument("--listen", metavar="ADDR:PORT", help="where cameras arrive")
    parser.add_argument("--log-format", choices=FORMATS, default="text", help="of stderr")
    parser.add_argument("--web", metavar="ADDR:PORT|off", help="where the people's page is")


def run(options: argparse.Namespace) -> int:
    """Returns the exit status."""
    config = _config(options)
    from shutterpost.server import CannotStart, serve, take_over

    try:
        if take_over(config):
            config = _config(options)  # with the accounts whose tokens were in the old folder
        serve(config, options.log_format)
    except CannotStart as error:
        print(f"shutterpost: {error}", file=sys.stderr)
        return 1
    return 0


def _config(options: argparse.Namespace) -> Config:
    return with_options(
        load(find(options.config)), named_data(options), options.listen, options.web
    )
