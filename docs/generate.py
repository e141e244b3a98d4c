"""Writes the reference pages from the code: `python docs/generate.py`; a test holds them true."""

import argparse
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shutterpost.camera.models import HOSTS, MODELS, MSN, UNLISTED, YAHOO, Menu, Model
from shutterpost.camera.sites import SITES
from shutterpost.cli import parser
from shutterpost.commands.options import DATA_VARIABLE
from shutterpost.config.load import CONFIG_VARIABLES
from shutterpost.config.reader import secret_variable
from shutterpost.config.settings import Account, Config, Setting, written_fields
from shutterpost.config.template import SECTIONS
from shutterpost.config.values import Secret
from shutterpost.quirks import QUIRKS

FOLDER = Path(__file__).parent / "reference"
_MADE = "<!-- Made by docs/generate.py from the code; do not edit. -->\n\n"


def cameras() -> str:
    """The table of models, sites and quirks."""
    lines = ["# Cameras", "", "Where each row comes from: [the protocol page](../protocol.md).", ""]
    columns = [_camera(model) for model in MODELS]
    lines += [f"| {' | '.join(columns[0])} |", "| --- " * len(columns[0]) + "|"]
    lines += [f"| {' | '.join(cells.values())} |" for cells in columns]
    lines += ["", f"Other models whose names begin with {UNLISTED} are worth a try. They may ask"]
    lines += [f"for `{YAHOO}` and for `{MSN}`.", ""]
    lines += [f"Every camera asks for {', '.join(f'`{host}`' for host in HOSTS)}.", ""]
    lines += ["## Social sites", "", "| site | photos | videos |", "| --- | --- | --- |"]
    for site in SITES.values():
        photos = "no: its login was never recorded" if site.oauth else "yes"
        lines.append(f"| {site.name} | {photos} | {'yes' if site.video else ''} |")
    lines += ["", "## Quirks", "", "Every way a request may break a rule and still be read.", ""]
    lines += ["| quirk | what is let through | evidence | cameras |", "| --- | --- | --- | --- |"]
    for quirk in QUIRKS.values():
        lines.append(
            f"| `{quirk.name}` | {quirk.lets_through} | {quirk.evidence} | {quirk.cameras} |"
        )
    return "\n".join(lines) + "\n"


def _camera(model: Model) -> dict[str, str]:
    """A model's row, by column."""
    shares = {menu: "yes" if menu in model.menus else "no" for menu in Menu}
    return {
        "model": model.name,
        "also called": ", ".join(model.other_names),
        "platform": model.platform,
        "state": model.works.value,
        **{f"has {menu.value}": said for menu, said in shares.items()},
        "firmware": model.firmware,
        "evidence": model.evidence,
        "also asks for": ", ".join(model.extra_hosts),
        "its own hosts file": model.own_names,
        "note": "; ".join(model.remarks),
    }


def commands() -> str:
    """Every command with its options."""
    lines = ["# Commands"]
    [subcommands] = [
        action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)
    ]
    for name, command in subcommands.choices.items():
        lines += ["", f"## shutterpost {name}", "", f"{command.description}.", ""]
        rows = [row for action in command._actions if (row := _option(action))]
        if rows:
            lines += ["| | |", "| --- | --- |", *rows]
    lines += ["", "`--help` and `--version` work everywhere."]
    return "\n".join(lines) + "\n"


def _option(action: argparse.Action) -> str:
    if isinstance(action, argparse._HelpAction):
        return ""
    value = action.metavar or ("\\|".join(action.choices) if action.choices else action.dest)
    if action.option_strings:
        takes = "" if action.nargs == 0 else f" {value}"
        shown = ", ".join(action.option_strings) + takes
    else:
        shown = str(value)
    about = (action.help or "") % {"default": action.default}
    return f"| `{shown}` | {about.replace('|', chr(92) + '|')} |"


def settings() -> str:
    """Every setting with its default."""
    lines = ["# Settings", "", "`shutterpost init` writes them all, commented.", ""]
    senders: Setting = dataclasses.fields(Config)[0].metadata["setting"]
    lines += ["| | default | |", "| --- | --- | --- |", _setting("senders", senders)]
    for name, cls, about in SECTIONS:
        lines += ["", f"## [{name}]", "", about, "", "| | default | |", "| --- | --- | --- |"]
        for spec in written_fields(cls):
            setting: Setting = spec.metadata["setting"]
            lines.append(_setting(setting.key or spec.name, setting))
    account: Setting = dataclasses.fields(Account)[0].metadata["setting"]
    lines += ["", "## [accounts]", "", 'One `"name" = { password = "..." }` for each.', ""]
    lines += ["| | default | |", "| --- | --- | --- |", _setting("password", account)]
    lines += ["", "## [actions]", "", "A social site or an address, and what is done with it:"]
    lines += ["`email`, `store`, `mastodon`, `shell`, `drop`, or one of these with an instance,"]
    lines += ["as in `store.holidays`."]
    lines += ["", "## Environment", "", "| variable | |", "| --- | --- |"]
    for variable in CONFIG_VARIABLES:
        lines.append(f"| `{variable}` | the configuration file, as `-c` |")
    lines.append(f"| `{DATA_VARIABLE}` | the data folder, as `--data` |")
    for path in _secrets():
        lines.append(f"| `{secret_variable(path)}` | `{path[-1]}` of `[{'.'.join(path[:-1])}]` |")
    lines += [
        "",
        "An instance has its own: `[mastodon.pub]` reads `SHUTTERPOST_MASTODON_PUB_TOKEN`.",
    ]
    lines += ["A variable counts more than the file. The service's sockets and watchdog come in"]
    lines += ["systemd's own variables."]
    return "\n".join(lines) + "\n"


def _secrets() -> list[tuple[str, ...]]:
    """The path of every setting that is a secret."""
    return [
        (*name.split("."), spec.metadata["setting"].key or spec.name)
        for name, cls, _ in SECTIONS
        for spec in written_fields(cls)
        if isinstance(spec.default, Secret)
    ]


def _setting(key: str, setting: Setting) -> str:
    # Markdown would take a lone * for emphasis, and drop it.
    about = setting.about.replace("|", "\\|").replace("*", "\\*")
    return f"| `{key}` | `{json.dumps(setting.default)}` | {about} |"


PAGES: dict[str, Callable[[], str]] = {
    "cameras.md": cameras,
    "commands.md": commands,
    "settings.md": settings,
}
"""Every page, and what makes it."""


def pages() -> dict[str, str]:
    """The pages as they should be."""
    return {name: _MADE + make() for name, make in PAGES.items()}


def main(*_: Any) -> None:
    """Write them."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
