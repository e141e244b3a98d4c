"""The wheel alone in a fresh environment, and a database of an older release."""

import os
import re
import sqlite3
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from pathlib import Path

from tests.conftest import Server, Smarthost
from tests.support import PHOTO, RECORDINGS, eventually

ROOT = Path(__file__).parent.parent


def run(*command: str | Path, cwd: Path) -> str:
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "SHUTTERPOST"))}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=environ,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_alone_serves(tmp_path: Path) -> None:
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path, cwd=ROOT)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    sources = {
        str(path.relative_to(ROOT / "src"))
        for path in (ROOT / "src" / "shutterpost").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert sources <= set(names)
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    pip = (tmp_path / "venv" / "bin" / "python", "-m", "pip", "install", "--quiet")
    run(*pip, "--require-hashes", "-r", ROOT / "requirements" / "run.txt", cwd=tmp_path)
    run(*pip, "--no-deps", wheel, cwd=tmp_path)
    shutterpost = tmp_path / "venv" / "bin" / "shutterpost"
    folder = tmp_path / "home"
    folder.mkdir()
    assert "ok    data:" in run(shutterpost, "check", "--offline", cwd=folder)
    log = folder / "log"
    with log.open("w") as out:
        server = subprocess.Popen(
            [shutterpost, "serve", "--listen", "127.0.0.1:0", "--web", "127.0.0.1:0"],
            cwd=folder,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        eventually(lambda: "photos:" in log.read_text())
        port = log.read_text().split("cameras:   http://")[1].split(",")[0]
        photo = RECORDINGS / "SAM_4371.JPG"
        said = run(shutterpost, "camera", "NX300", photo, "--to", port, cwd=folder)
        assert said == "NX300: sent 1 file\n"
        found = eventually(lambda: list((folder / "data" / "photos").rglob("*.JPG")))
        assert found[0].read_bytes() == PHOTO
        page = log.read_text().split("page:      ")[1].split()[0]
        for path in ("login", "static/style.css", "static/live.js"):  # templates are inside
            with urllib.request.urlopen(page + path, timeout=20) as answer:
                assert answer.status == 200
    finally:
        server.terminate()
        assert server.wait(20) == 0


def test_a_database_of_the_first_schema_is_brought_up_to_date(
    tmp_path: Path, smarthost: Smarthost
) -> None:
    data = tmp_path / "data"
    photos = data / "spool" / "photos"
    photos.mkdir(parents=True)
    connection = sqlite3.connect(data / "shutterpost.db")
    connection.executescript((RECORDINGS / "database-1.sql").read_text())
    for (file,) in connection.execute("SELECT file FROM photos"):
        (photos / file).write_bytes(PHOTO)
    connection.close()
    server = Server(tmp_path, smarthost.config, ())
    try:
        assert "cleaned:" not in server.output
        [mail] = eventually(lambda: smarthost.inbox.mails)
        assert mail.recipients == ["waiting@example.org"]
        listed = run(sys.executable, "-m", "shutterpost", "queue", cwd=tmp_path)
        assert listed.count(" done ") == 2
    finally:
        server.kill()


def test_the_source_archive_holds_what_the_docs_name(tmp_path: Path) -> None:
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path, cwd=ROOT)
    [path] = tmp_path.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        for said in re.findall(
            r"\b(?:deploy|docs|tests|requirements)/[\w./-]+\w", page.read_text()
        ):
            found = said in names or any(name.startswith(f"{said}/") for name in names)
            assert found or said.startswith("deploy/config"), f"{page.name}: {said}"
    rules = re.findall(r"(?m)^\t\$\(BIN\)/python -m (\w+)", (ROOT / "Makefile").read_text())
    for package in {*rules} - {"pip", "pytest", "hatchling"}:
        assert f"{package}/__main__.py" in names, package
