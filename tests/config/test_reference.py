"""The reference server's configuration is read as it is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shutterpost.config import Config, ConfigError, load
from shutterpost.config.problems import Problems
from shutterpost.config.reader import Reader
from shutterpost.config.reference import KEYS, OTHER_KEYS, is_fatal, translated
from shutterpost.config.settings import ActionName, Server
from shutterpost.config.values import Secret
from shutterpost.secret import folder_of

INF = float("inf")
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
    assert config.warnings == (
        "MAIL_SERVER is still CHANGEME: e-mails are stored instead",
        "MASTODON_TOKEN is still YOUR_ACCESS_TOKEN",
        f'{tmp_path}/theirs.toml:16: ACTIONS."example@mastodon.social": "mastodon" needs url and '
        "token (or token_file) in [mastodon]",
    )


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


def told(config: Config, folder: Path) -> list[str]:
    return [warning.removeprefix(f"{folder}/theirs.toml:") for warning in config.warnings]


def test_what_cannot_be_used_is_told_with_its_own_key(tmp_path: Path) -> None:
    text = """\
UPLOAD_FOLDER = "x"
SENDERS = 1
MAIL_USE_TLS = "perhaps"
MAIL_PORT = "smtp"
MAIL_SERVER = "http://smtp"
SHELL = 1
[MASTODON]
TOKEN = []
[ACTIONS]
facebook = "stor"
"a@b.c" = 1
"""
    assert told(read(tmp_path, text), tmp_path) == [
        "MAIL_USE_TLS must be true or false: it is taken as false",
        "MAIL_SERVER is no host name: e-mails are stored instead",
        "MAIL_PORT is no port: 25 is taken",
        '2: SENDERS: must be a list of texts, for example ["one", "two"]',
        "6: SHELL: must be a section: write [SHELL]",
        '8: MASTODON.TOKEN: must be text in quotes, for example "text"',
        '10: ACTIONS.facebook: "stor" is no action: there are email, store, mastodon, shell, drop',
        '11: ACTIONS."a@b.c": must be text in quotes, for example "text"',
    ]


def test_where_photos_go_must_be_right(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, 'SENDERS = "x"\nUPLOAD_FOLDER = []\nSECRET = []\n')
    assert [line.removeprefix(f"{tmp_path}/") for line in error.value.lines] == [
        'theirs.toml:2: UPLOAD_FOLDER: must be text in quotes, for example "text"',
        'theirs.toml:3: SECRET: must be text in quotes, for example "text"',
    ]


Value = Callable[[Config], object]
TAKEN: tuple[tuple[str, Value, object, str], ...] = (
    ("SECRET = 123", lambda c: c.storage.secret, Secret("123"), "SECRET is taken as text"),
    ("MAIL_PORT = '587'", lambda c: c.email.port, 587, "MAIL_PORT is taken as 587"),
    ("MAIL_PORT = 465.0", lambda c: c.email.port, 465, "MAIL_PORT is taken as 465"),
    ("MAIL_PORT = true", lambda c: c.email.port, 25, "MAIL_PORT is no port"),
    ("MAIL_PORT = 65536", lambda c: c.email.port, 25, "MAIL_PORT is no port"),
    ("MAIL_USE_TLS = 1", lambda c: c.email.security, "starttls", "MAIL_USE_TLS is taken as true"),
    ("MAIL_USE_TLS = 'on'", lambda c: c.email.security, "starttls", "MAIL_USE_TLS is taken"),
    ("MAIL_USE_TLS = ''", lambda c: c.email.security, "none", "MAIL_USE_TLS is taken as false"),
    ("MAIL_USE_SSL = 1", lambda c: c.email.security, "tls", "MAIL_USE_SSL is taken as true"),
    ("MAIL_USE_SSL = 0", lambda c: c.email.security, "none", "MAIL_USE_SSL is taken as false"),
    ("MAIL_USE_SSL = []", lambda c: c.email.security, "none", "MAIL_USE_SSL must be true or"),
    ("INSECURE_DOWNLOAD = 1", lambda c: c.web.folders, True, "INSECURE_DOWNLOAD is taken as true"),
    ("INSECURE_DOWNLOAD = 'False'", lambda c: c.web.folders, False, "INSECURE_DOWNLOAD is taken"),
    ("INSECURE_DOWNLOAD = 7", lambda c: c.web.folders, False, "must be true or false"),
    ("SENDERS = 'a@b.c'", lambda c: c.senders, ("a@b.c",), "SENDERS is taken as a list"),
    ("SENDERS = 'a@b.c, d@e.f'", lambda c: c.senders, ("a@b.c", "d@e.f"), "SENDERS is taken"),
    ("SENDERS = []", lambda c: c.senders, (), "SENDERS is empty: no camera may send"),
    ("SENDERS = ''", lambda c: c.senders, (), "SENDERS is taken as a list"),
    ("SENDERS = {}", lambda c: c.senders, (), "SENDERS: must be a list"),
    ("SECRET = 'x'", lambda c: (c.email.host, c.email.port), ("127.0.0.1", 25), ""),
    ("MAIL_SERVER = ''", lambda c: c.email.host, "", "MAIL_SERVER is empty"),
    ("MAIL_SERVER = 'x'\nMAIL_SUPPRESS_SEND = true", lambda c: c.email.host, "", "not sent"),
    ("MAIL_SERVER = 'x'\nMAIL_SUPPRESS_SEND = 1", lambda c: c.email.host, "", "taken as true"),
    ("MAIL_SERVER = 'x'\nMAIL_SUPPRESS_SEND = false", lambda c: c.email.host, "x", ""),
    (
        *("MAIL_SERVER = 'x'\nMAIL_USERNAME = 'me'", lambda c: c.email.username),
        *("", "MAIL_USERNAME has no MAIL_PASSWORD"),
    ),
    ("MAIL_PASSWORD = 12", lambda c: c.email.password, Secret("12"), "MAIL_PASSWORD is taken"),
    (
        *("MASTODON_BASE_URL = 'photog.social'", lambda c: c.mastodon[""].url),
        *("https://photog.social", "MASTODON_BASE_URL is taken as https://photog.social"),
    ),
    (
        *("MASTODON_BASE_URL = 'HTTPS://photog.social/@me?x'", lambda c: c.mastodon[""].url),
        *("https://photog.social", "MASTODON_BASE_URL is taken as https://photog.social"),
    ),
    ("MASTODON_BASE_URL = 'https://x.org/'", lambda c: c.mastodon[""].url, "https://x.org", ""),
    ("MASTODON_BASE_URL = 'a b'", lambda c: c.mastodon[""].url, "", "MASTODON_BASE_URL: must be"),
    (
        *("MASTODON_BASE_URL = 'http://192.168.1.5:3000'", lambda c: c.mastodon[""].url),
        *("http://192.168.1.5:3000", "is not https: the token can be read in the home network"),
    ),
    (
        *("MASTODON_BASE_URL = 'http://pleroma.local'", lambda c: c.mastodon[""].url),
        *("http://pleroma.local", "is not https"),
    ),
    ("MASTODON_BASE_URL = 'http://nas'", lambda c: c.mastodon[""].url, "http://nas", "not https"),
    ("MASTODON_BASE_URL = 'http://[::1]'", lambda c: c.mastodon[""].url, "http://[::1]", ""),
    ("MASTODON_BASE_URL = 'http://x.org'", lambda c: c.mastodon[""].url, "", "must be https"),
    ("MASTODON_BASE_URL = 'http://8.8.8.8'", lambda c: c.mastodon[""].url, "", "must be https"),
    ("MASTODON_VISIBILITY = 'Public'", lambda c: c.mastodon[""].visibility, "public", "is taken"),
    ("MASTODON_VISIBILITY = 'all'", lambda c: c.mastodon[""].visibility, "direct", "must be one"),
    ("MASTODON_VISIBILITY = 3", lambda c: c.mastodon[""].visibility, "direct", "must be one of"),
    ("MASTODON_POSTSCRIPT = 7", lambda c: c.mastodon[""].postscript, "7", "is taken as text"),
    ("SECRET = 'x'\n[MASTODON]\nfoo = 1", lambda c: c.mastodon[""].url, "", "MASTODON.foo has no"),
    ("SECRET = 'x'\n[SHELL]\ntimeout = 1", lambda c: c.shell[""].timeout, INF, "SHELL.timeout has"),
    ("SECRET = 'x'\n[SHELL]\nCMD = 1", lambda c: c.shell[""].cmd, (), "SHELL.CMD: must be a list"),
    ("SECRET = 'x'\n[SHELL]\nCMD = 'a \"'", lambda c: c.shell[""].cmd, (), "no command line"),
    ("SECRET = 'x'\n[SHELL]\nCMD = ['a b']", lambda c: c.shell[""].cmd, ("a b",), ""),
    ("SECRET = 'x'\n[SHELL]\nSTDIN = 5", lambda c: c.shell[""].stdin, "5", "SHELL.STDIN is taken"),
    ("SECRET = 'x'\n[server]\nlisten = 1", lambda c: c.server, Server(), "server has no meaning"),
    ("SECRET = 'x'\n[ACTIONS]\nfoo = 'store'", lambda c: c.actions, {}, "neither an address nor"),
    ("SECRET = 'x'\n[ACTIONS]\npicasa = 'mail'", lambda c: c.actions, {}, "it is stored"),
    (
        *("SECRET = 'x'\n[ACTIONS]\n'a@b.c' = 'store.../x'", lambda c: c.actions["a@b.c"]),
        *(ActionName("store"), "is taken as store"),
    ),
    (
        *("SECRET = 'x'\n[ACTIONS]\n'a@b.c' = 'drop.x'", lambda c: c.actions["a@b.c"]),
        *(ActionName("drop"), "is taken as drop"),
    ),
    (
        *("SECRET = 'x'\n[ACTIONS]\npicasa = 'drop'\nPicasa = 'store'", lambda c: c.actions),
        *({"picasa": ActionName("drop")}, "is there twice"),
    ),
    (
        *("SECRET = 'x'\n[ACTIONS]\npicasa = 'shell.no'", lambda c: c.actions["picasa"]),
        *(ActionName("shell", "no"), "there is no section [shell.no]"),
    ),
    (
        *("SECRET = 'x'\n[ACTIONS]\npicasa = 'shell'", lambda c: c.actions["picasa"]),
        *(ActionName("shell"), "needs cmd"),
    ),
)


@pytest.mark.parametrize(("text", "value", "expected", "warning"), TAKEN, ids=lambda x: str(x)[:40])
def test_it_starts_where_the_reference_starts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    value: Value,
    expected: object,
    warning: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    config = read(tmp_path, f"UPLOAD_FOLDER = 'photos'\n{text}\n")
    assert value(config) == expected
    assert [True] * bool(warning) == [warning in said for said in config.warnings[:1]]


@pytest.mark.parametrize(
    ("key", "name"), [("MASTODON_TOKEN", "MASTODON_TOKEN"), ("[MASTODON]\nTOKEN", "MASTODON.TOKEN")]
)
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\xff", "is not UTF-8 text"),
        (b"id\nsecret\nhttps://x.org\n", "holds an app and no token"),
    ],
)
def test_a_token_file_that_does_not_help_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, name: str, content: bytes, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "user").write_bytes(content)
    config = read(tmp_path, f'UPLOAD_FOLDER = "photos"\n{key} = "user"\n')
    [warning] = told(config, tmp_path)
    assert name in warning
    assert said in warning


def test_no_secret_is_told_in_a_warning(tmp_path: Path) -> None:
    text = (
        "SECRET = 4711\nMAIL_PASSWORD = 4711\nMASTODON_TOKEN = 4711\n"
        'MASTODON_BASE_URL = "https://me:4711@x.org/4711"\n[MASTODON.x]\nTOKEN = 4711\n'
        'BASE_URL = "4711@x.org/"\n'
    )
    config = read(tmp_path, text)
    assert len(config.warnings) >= 6
    assert "4711" not in "\n".join(config.warnings)


@given(
    st.dictionaries(
        st.sampled_from(
            [*(theirs for (theirs,) in KEYS if theirs != "UPLOAD_FOLDER"), *OTHER_KEYS, "X", "x"]
        ),
        st.recursive(
            st.text(max_size=5) | st.integers() | st.floats() | st.booleans(),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(
                    st.sampled_from(["TOKEN", "CMD", "STDIN", "a@b.c", "picasa", "x"]),
                    inner,
                    max_size=3,
                )
            ),
            max_leaves=4,
        ),
    )
)
def test_no_value_is_a_traceback(table: dict[str, Any]) -> None:
    problems = Problems()
    found, _ = translated({"UPLOAD_FOLDER": "/nowhere/x", **table}, Path("/nowhere"), problems)
    Reader(problems, Path("/nowhere"), {}, lenient=True).config(found)
    assert {path for path, _ in problems.found if is_fatal(path)} <= {("storage", "secret")}
