"""Print the table of known models."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shutterpost.camera.models import Model


def options(parser: argparse.ArgumentParser) -> None:
    """There is nothing to choose."""


def run(options: argparse.Namespace) -> int:
    """Returns the exit status."""
    from shutterpost.camera.models import HOSTS, MODELS, UNLISTED

    for model in MODELS:
        print(f"{model.name:9} {model.platform:9} {model.works.value:12} {_extras(model)}")
    print(f"\nEvery camera asks for {', '.join(HOSTS)}.")
    print(f"Other models whose names begin with {UNLISTED} are worth a try.")
    return 0


def _extras(model: "Model") -> str:
    """What distinguishes a model from others."""
    found = (
        f"also {', '.join(model.other_names)}" if model.other_names else "",
        f"firmware {model.firmware}" if model.firmware else "",
        model.evidence,
        *model.remarks,
        *model.extra_hosts,
        model.own_names,
    )
    return "; ".join(text for text in found if text)
