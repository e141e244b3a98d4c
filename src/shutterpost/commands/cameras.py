"""Print the table of known models."""

import argparse


def options(parser: argparse.ArgumentParser) -> None:
    """There is nothing to choose."""


def run(options: argparse.Namespace) -> int:
    """Returns the exit status."""
    from shutterpost.camera.models import HOSTS, MODELS

    for model in MODELS:
        extras = [text for text in (model.note, model.extra_host, model.hosts_file.value) if text]
        print(f"{model.name:9} {model.platform:9} {model.works.value:12} {'; '.join(extras)}")
    print(f"\nEvery camera asks for {', '.join(HOSTS)}.")
    print("Other models called WBxxxF, STxxxF or DVxxxF are worth a try.")
    return 0
