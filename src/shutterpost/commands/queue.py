"""See and mend the queue of deliveries, while the server runs or not."""

import argparse
import json
import math
import sys
import time
from typing import Any

from sqlalchemy.exc import DBAPIError

from shutterpost.commands.options import read_config, server_options
from shutterpost.config.settings import DATABASE
from shutterpost.dates import moment


def options(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument(
        "what",
        nargs="?",
        default="list",
        choices=["list", "show", "retry", "drop"],
        help="default: %(default)s",
    )
    parser.add_argument("id", nargs="?", type=int, metavar="ID", help="of a delivery")
    parser.add_argument("--json", action="store_true", help="for programs")
    server_options(parser)


def run(options: argparse.Namespace) -> int:
    """Returns the exit status."""
    from shutterpost.spool import queue
    from shutterpost.spool.database import Database, NewerDatabase

    if (options.id is None) != (options.what == "list"):
        wanted = "needs the ID of a delivery" if options.id is None else "takes no ID"
        print(f"shutterpost queue {options.what}: {wanted}", file=sys.stderr)
        return 2
    path = read_config(options).storage.data / DATABASE
    if not path.exists():
        print(
            f"there is no queue yet: {path} is made when the server starts; if it runs with "
            "another data folder, name that with --data",
            file=sys.stderr,
        )
        return 1
    database = Database(path)
    try:
        database.require_version()
        if options.what == "list":
            _list(database.read_now(queue.entries), options.json)
        elif options.what == "show":
            shown = database.read_now(lambda connection: queue.entry(connection, options.id))
            _show(shown, options.json)
        else:
            change = {"retry": queue.retry, "drop": queue.drop}[options.what]
            database.write_now(lambda connection: change(connection, options.id, time.time()))
            done = "will be tried now" if options.what == "retry" else "is given up"
            print(f"delivery {options.id} {done}")
    except (queue.NotPossible, NewerDatabase) as error:
        print(f"shutterpost queue: {error}", file=sys.stderr)
        return 1
    except DBAPIError as error:
        print(f"shutterpost queue: {path}: {error.orig}", file=sys.stderr)
        return 1
    return 0


def _list(entries: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print(json.dumps([_finite(entry) for entry in entries], ensure_ascii=False, indent=1))
        return
    if not entries:
        print("the queue is empty: nothing was sent yet")
        return
    print(f"{'ID':>6}  {'STATE':8} {'TRIED':>5}  {'ACTION':16} {'NEXT':16}  WHAT WENT WRONG")
    for entry in entries:
        print(
            f"{entry['id']:6}  {entry['state']:8} {entry['attempts']:5}  {entry['action']:16} "
            f"{_time(entry['due']):16}  {' '.join(entry['last_error'].split())[:100]}".rstrip()
        )


def _show(entry: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(_finite(entry), ensure_ascii=False, indent=1))
        return
    history = entry.pop("history")
    photos = entry.pop("photos")
    for name, value in entry.items():
        if name in ("due", "created", "finished"):
            value = _time(value)  # noqa: PLW2901 (the same value, as people read it)
        elif isinstance(value, list):
            value = ", ".join(value)  # noqa: PLW2901
        print(f"{name + ':':12} {value if value != '' else '-'}")
    for photo in photos:
        print(f"{'photo:':12} {photo['name']}, {photo['size']} bytes")
    for attempt in history:
        print(f"{'attempt:':12} {_time(attempt['finished'])}  {attempt['error'] or 'done'}")


def _finite(entry: dict[str, Any]) -> dict[str, Any]:
    """The entry as JSON can say it: a time that is no number is null."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in entry.items()
    }


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else f"{moment(seconds):%Y-%m-%d %H:%M}"
