"""Every model of the table, played against a running server."""

import subprocess
import sys
from pathlib import Path

import pytest

from shutterpost.camera.models import MODELS, Menu, Works
from shutterpost.simulator import Shot, email
from tests.conftest import Server, StartServer
from tests.far_ends import FakeMastodon
from tests.support import RECORDINGS, eventually, recording

PHOTO = str(RECORDINGS / "SAM_4371.JPG")
PLAYABLE = [model for model in MODELS if model.works not in (Works.NO, Works.NOT_YET)]


def camera(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "shutterpost", "camera", *arguments]
    return subprocess.run(
        [*command, "--to", f"127.0.0.1:{server.port}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_every_model_sends_by_mail_and_to_a_site(server: Server) -> None:
    for model in PLAYABLE:
        by_mail = camera(server, model.name, PHOTO, "--text", f"mail from {model.name}")
        assert by_mail.returncode == 0, by_mail.stderr
        shared = camera(server, model.name, PHOTO, "--via", "facebook", "--text", model.name)
        if Menu.SOCIAL in model.menus:
            assert shared.returncode == 0, shared.stderr
        else:
            assert (shared.returncode, "has e-mail only" in shared.stderr) == (1, True)
    eventually(lambda: len(server.spooled()) == sum(len(model.menus) for model in PLAYABLE))


def test_an_unlisted_compact_sends(server: Server) -> None:
    sent = camera(server, "SMART CAMERA WB250F", PHOTO)
    assert (sent.returncode, sent.stdout) == (0, "WB250F: sent 1 file\n"), sent.stderr
    for host in ("www.yahoo.co.kr", "www.msn.com"):
        eventually(lambda host=host: f"GET {host}/ -> 200" in server.output)  # type: ignore[misc]


@pytest.mark.parametrize("model", [model.name for model in MODELS if model not in PLAYABLE])
def test_models_that_nobody_can_play_say_so(model: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "shutterpost", "camera", model, PHOTO],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    said = "has neither e-mail nor social sites" if model == "NX3000" else "is not known"
    assert said in result.stderr


def test_several_files_of_both_kinds_with_a_password(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server(
        'senders = ["me@example.org"]\n[accounts]\n"me@example.org" = { password = "s&cret" }\n'
    )
    video = tmp_path / "클립 & co.MP4"
    video.write_bytes(bytes(100_000))
    arguments = ("NX300", PHOTO, str(video), "--via", "facebook", "--sender", "me@example.org")
    assert camera(server, *arguments, "--password", "s&cret").returncode == 0
    eventually(lambda: len(server.stored()) == 2)
    assert {Path(path).name for path in server.stored()} == {"SAM_4371.JPG", "클립 & co.MP4"}
    wrong = camera(server, *arguments, "--password", "wrong")
    assert wrong.returncode == 1
    assert "Login failed" in wrong.stderr


def test_a_missing_alt_text_is_shown_on_the_camera(
    start_server: StartServer, mastodon: FakeMastodon
) -> None:
    server = start_server(
        f'[mastodon]\nurl = "{mastodon.url}"\ntoken = "t0ken"\n[actions]\nfacebook = "mastodon"\n'
    )
    result = camera(server, "NX300", PHOTO, "--via", "facebook", "--text", "Hi")
    assert result.returncode == 1
    assert "No alt-text" in result.stderr
    assert camera(server, "NX300", PHOTO, "--via", "facebook", "--text", "Hi~alt").returncode == 0
    [post] = eventually(lambda: mastodon.posts)
    assert post["status"] == "Hi\n\n📷️ NX300"


def test_the_e_mail_of_the_simulator_is_the_recorded_one() -> None:
    shot = Shot(
        [Path(PHOTO)],
        "Camera@samsungcamera.com",
        ["photos@example.org"],
        "Sent from Samsung Camera.",
    )
    assert email.head(shot).encode() + b"".join(email.body(shot)) == recording("email-nx300")


def test_cameras_lists_every_model() -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "shutterpost", "cameras"], capture_output=True, text=True, check=True
    ).stdout
    for model in MODELS:
        assert f"{model.name:9}" in listed
