"""The reference server's configuration is read as it is."""

from pathlib import Path

import pytest

from shutterpost.config import Config, ConfigError, load
from shutterpost.config.settings import ActionName
from shutterpost.config.values import Secret
from shutterpost.secret import folder_of

EXAMPLE = (Path(__file__).parent / "reference-example.toml").read_text()


def read(folder: Path, text: str) -> Config:
    path = folder / "theirs.toml"
    path.write_text(text)
    return load(path, {})


def test_the_example_of_the_flat_form(tmp_path: Path) -> None:
    config = read(tmp_path, EXAMPLE)
    assert config.reference_dialect
    assert config.storage.photos == Path("/tmp")
    assert config.storage.secret == Secret("xiev5kaMeehaimub")
    assert config.email.port == 587
    assert config.email.security == "starttls"
    assert config.email.host == ""
    assert config.mastodon[""].postscript == " #photography #SamsungNX"
    assert config.actions == {"example@mastodon.social": ActionName("mastodon")}
    assert config.warnings == ("MAIL_SERVER is still CHANGEME: e-mails are stored instead",)


def test_the_same_folder_as_before(tmp_path: Path) -> None:
    # computed with openssl: HMAC-SHA256 of the address, its first 15 bytes in base64
    config = read(tmp_path, EXAMPLE)
    folder = folder_of("Camera@samsungcamera.com", config.storage.secret)
    assert folder == "yZXbyiz-pZX2DqmBjoRl"


def test_sections_instances_and_a_token_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mastodon.secret").write_text("t0ken\nhttps://photog.social\n")
    config = read(
        tmp_path,
        """
UPLOAD_FOLDER = "pictures"
SENDERS = ["*"]
SECRET = "x"
INSECURE_DOWNLOAD = true
MAIL_SERVER = "localhost"
MAIL_USE_SSL = true
[MASTODON]
TOKEN = "mastodon.secret"
BASE_URL = "https://photog.social"
POSTSCRIPT = "#a"
[MASTODON.pub]
VISIBILITY = "public"
[SHELL]
CMD = "./log.sh '{sender}' {filename}"
[SHELL.log]
STDIN = "From: {sender}"
[ACTIONS]
facebook = "mastodon.pub"
picasa = "shell.log"
"a@b.c" = "mail"
"store@example.com" = "store"
""",
    )
    assert config.storage.photos == tmp_path / "pictures"
    assert config.storage.data == tmp_path / "shutterpost-data"
    assert config.web.folders
    assert (config.email.port, config.email.security) == (25, "tls")
    assert config.mastodon["pub"].token == Secret("t0ken")
    assert config.mastodon["pub"].visibility == "public"
    assert config.shell["log"].cmd == ("./log.sh", "{sender}", "{filename}")
    assert config.actions["a@b.c"] == ActionName("email")


def test_other_flask_keys_are_warned_about(tmp_path: Path) -> None:
    config = read(tmp_path, EXAMPLE.replace("[ACTIONS]", "MAIL_DEBUG = true\n[ACTIONS]"))
    assert "MAIL_DEBUG has no meaning here and is passed over" in config.warnings


def test_mistakes_are_told_with_their_own_keys(tmp_path: Path) -> None:
    text = """\
UPLOAD_FOLDER = 1
SENDERS = "x"
MAIL_USE_TLS = "yes"
MAIL_PORT = "587"
[MASTODON]
VISIBILITY = "secret"
[SHELL]
CMD = 1
[ACTIONS]
facebook = "stor"
"""
    with pytest.raises(ConfigError) as error:
        read(tmp_path, text)
    told = [line.removeprefix(f"{tmp_path}/").split(": ")[:2] for line in error.value.lines]
    assert told == [
        ["theirs.toml:1", "UPLOAD_FOLDER"],
        ["theirs.toml:2", "SENDERS"],
        ["theirs.toml:3", "MAIL_USE_TLS"],
        ["theirs.toml:4", "MAIL_PORT"],
        ["theirs.toml:6", "MASTODON.VISIBILITY"],
        ["theirs.toml:8", "SHELL.CMD"],
        ["theirs.toml:10", "ACTIONS.facebook"],
    ]
