"""The documentation is held true: generated pages, links, and every command in it."""

import dataclasses
import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import pytest

from shutterpost.cli import parser
from shutterpost.config import load
from shutterpost.config.values import Secret

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_what_the_code_says() -> None:
    for name, text in generator().pages().items():
        assert (ROOT / "docs" / "reference" / name).read_text() == text, "run make docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_are_as_they_are_written(page: Path) -> None:
    for line in page.read_text().splitlines():
        match = re.match(
            r"\s*(?:\$ )?(?:\.venv/bin/|/opt/shutterpost/bin/)?shutterpost (\S.*)", line
        )
        if match and "`" not in line:
            parser().parse_args(shlex.split(match[1], comments=True))


def test_files_that_the_docs_name_are_there() -> None:
    for page in PAGES:
        for path in re.findall(
            r"\b(?:deploy|docs|tests|requirements)/[\w./-]+\w", page.read_text()
        ):
            if not path.startswith("deploy/config"):
                assert (ROOT / path).exists(), f"{page.name}: {path}"


def test_every_page_is_in_the_sites_navigation() -> None:
    listed = set(re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text()))
    there = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    assert listed == there


def test_every_secret_of_the_configuration_has_its_variable_in_the_docs(tmp_path: Path) -> None:
    """And each variable does what the table says."""
    listed = dict(
        re.findall(
            r"\| `(SHUTTERPOST_\w+)` \| `(\w+)` of",
            (ROOT / "docs/reference/settings.md").read_text(),
        )
    )
    assert "SHUTTERPOST_EMAIL_PASSWORD" in listed
    file = tmp_path / "config.toml"
    file.write_text(
        '[email]\nusername = "me"\n[email.oauth]\n'
        'client_id = "me"\ntoken_url = "https://example.org"\n'
    )
    config = load(file, {variable: f"from {variable}" for variable in listed})
    found = {
        setting.reveal()
        for section in (
            *(config.storage, config.email, config.email.oauth, config.web),
            config.mastodon[""],
        )
        for setting in (getattr(section, spec.name) for spec in dataclasses.fields(section))
        if isinstance(setting, Secret)
    }
    assert {f"from {variable}" for variable in listed} <= found
