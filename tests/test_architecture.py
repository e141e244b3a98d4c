"""Imports point down: nothing below knows what stands on it."""

import ast
from pathlib import Path

import pytest

import shutterpost

SOURCE = Path(shutterpost.__file__).parent

LAYERS = (
    (
        *("model", "quirks", "threads", "folder_threads", "faults", "systemd", "logs", "durable"),
        *("live", "running", "dates", "clock", "pausing", "recent"),
    ),
    ("wire",),
    ("camera", "limits", "metrics", "disk", "images"),
    ("devices",),
    ("config", "hosts", "photos_folder", "connection"),
    ("routes", "actions", "spool", "secret", "page_password"),
    ("intake", "simulator", "makers"),
    ("gateway", "couriers", "upkeep", "timekeeper"),
    ("doors", "dns_door", "dns_clients", "dns_upstream", "web"),
    ("announce", "check"),
    ("server",),
    ("commands",),
    ("cli",),
    ("__main__",),
)
FORBIDDEN = (
    ("actions", "spool"),
    ("spool", "actions"),
    ("routes", "spool"),
    ("gateway", "couriers"),
)
PURE = ("wire", "camera", "routes", "model", "dates", "pausing", "quirks")
IMPURE = {
    "socket",
    "asyncio",
    "os",
    "time",
    "threading",
    "pathlib",
    "sqlite3",
    "subprocess",
    "random",
}
ALLOWED = {("model", "pathlib")}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.module
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def unit(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


FILES = [path for path in SOURCE.rglob("*.py") if unit(path) != "__init__"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_down(path: Path) -> None:
    level = {name: number for number, layer in enumerate(LAYERS) for name in layer}
    own = unit(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "shutterpost" or len(parts) < 2 or parts[1] in ("__version__", "REPORTS"):
            continue
        other = parts[1]
        assert other == own or level[other] <= level[own], f"{own} imports {other}"
        assert (own, other) not in FORBIDDEN, f"{own} imports {other}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_actions_do_not_know_each_other_and_the_pure_do_no_io(path: Path) -> None:
    own = unit(path)
    names = {name.split(".")[0] for name in imports(path)}
    if own in PURE:
        assert not {name for name in names & IMPURE if (own, name) not in ALLOWED}
    if own == "actions":
        others = {"email", "store", "mastodon", "shell", "drop"} - {path.stem}
        assert not {f"shutterpost.actions.{other}" for other in others} & imports(path)


def test_files_and_functions_stay_small() -> None:
    for path in FILES:
        source = path.read_text()
        assert len(source.splitlines()) <= 400, path
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                assert node.end_lineno - node.lineno <= 70, f"{path}: {node.name}"
