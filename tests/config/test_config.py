"""The configuration: what it means, and what is said when it is wrong."""

import ipaddress
from pathlib import Path

import pytest

from shutterpost.config import Config, ConfigError, find, load, with_options
from shutterpost.config.problems import line_of
from shutterpost.config.settings import ActionName
from shutterpost.config.template import config_file
from shutterpost.config.values import PRIVATE, Address, Secret


def read(folder: Path, text: str, environ: dict[str, str] | None = None) -> Config:
    path = folder / "config.toml"
    path.write_text(text)
    return load(path, environ or {})


def errors(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        read(folder, text)
    return [line.removeprefix(f"{folder}/") for line in error.value.lines]


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = load(find(None, {}), {})
    assert config.senders == ("Camera@samsungcamera.com",)
    assert config.server.listen == Address("0.0.0.0", 8080)
    assert config.server.allow == PRIVATE
    assert config.storage.data == tmp_path / "data"
    assert config.storage.photos == tmp_path / "data" / "photos"
    assert config.server.max_upload == 4 * 2**30
    assert config.web.listen == Address("127.0.0.1", 8081)
    assert config.dns.listen is None


def test_where_the_file_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find("a", {"SHUTTERPOST_CONFIG": "b", "CONFIG": "c"}) == Path("a")
    assert find(None, {"SHUTTERPOST_CONFIG": "b", "CONFIG": "c"}) == Path("b")
    assert find(None, {"CONFIG": "c"}) == Path("c")
    assert find(None, {}) is None
    Path("config.toml").touch()
    assert find(None, {}) == Path("config.toml")


def test_what_init_writes_means_the_defaults(tmp_path: Path) -> None:
    config = read(tmp_path, config_file("s3cret"))
    defaults = load(None, {})
    assert config.storage.secret
    assert config.server == defaults.server
    assert config.email == defaults.email
    assert config.senders == defaults.senders


def test_what_init_comments_out_may_be_uncommented(tmp_path: Path) -> None:
    lines = [
        line.removeprefix("# ") if " = " in line and line.startswith("# ") else line
        for line in config_file("s3cret").splitlines()
    ]
    lines = [line.replace('"empty: ', "") for line in lines]
    config = read(tmp_path, "\n".join(lines))
    assert config.actions["facebook"] == ActionName("store")
    assert config.server == load(None, {}).server


def test_everything_in_its_place(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        """
senders = ["*"]
[server]
listen = "[::]:80"
allow = ["private", "203.0.113.0/24"]
idle_timeout = "1.5 min"
[storage]
data = "/srv/data"
photos = "pictures"
keep = "forever"
min_free = "1 GB"
[email]
host = "smtp.example.org"
from = "me@example.org"
to = "you@example.org"
[mastodon]
url = "https://photog.social/"
token = "t0ken"
postscript = "#a"
[mastodon.pub]
visibility = "public"
[shell]
cmd = ["./log.sh", "{filename}"]
[shell.log]
stdin = "From: {sender}"
[actions]
Facebook = "mastodon"
"Masto@Example.org" = "mastodon.pub"
"*@album.example.org" = "store.album"
picasa = "shell.log"
youtube = "email"
"drop@example.org" = "drop"
""",
    )
    assert config.accepts("anyone")
    assert config.server.listen == Address("::", 80)
    assert ipaddress.ip_network("203.0.113.0/24") in config.server.allow
    assert config.server.idle_timeout == 90
    assert config.storage.photos == tmp_path / "pictures"
    assert config.storage.keep == float("inf")
    assert config.storage.min_free == 10**9
    assert config.mastodon["pub"].visibility == "public"
    assert config.mastodon["pub"].postscript == "#a"
    assert config.mastodon[""].visibility == "unlisted"
    assert config.mastodon[""].url == "https://photog.social"
    assert config.shell["log"].cmd == ("./log.sh", "{filename}")
    assert config.actions["masto@example.org"] == ActionName("mastodon", "pub")
    assert config.actions["*@album.example.org"] == ActionName("store", "album")


def test_all_problems_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    text = """\
senders = "me@example.org"
colour = 1
[server]
listen = "8080"
allow = [
  "private",
  "nonsense",
]
idle_timeout = 60
[storage]
keep = "30 fortnights"
phots = "x"
[email]
port = 99999
security = "ssl"
[web]
folders = "yes"
[actions]
facebok = "store"
picasa = "stor"
youtube = "mastodon"
flickr = "mastodon.none"
me2day = "shell"
poco = "email"
"a@b.c" = "email.x"
"d@b.c" = "store.../x"
"""
    assert errors(tmp_path, text) == [
        'config.toml:1: senders: must be a list of texts, for example ["one", "two"]',
        "config.toml:2: colour: unknown: there are accounts, actions, delivery, dns, email, "
        "mastodon, notify, senders, server, shell, storage, web",
        'config.toml:4: server.listen: must be an address and a port, for example "0.0.0.0:8080" '
        'or "[::]:8080"',
        'config.toml:5: server.allow: "nonsense" is no network: write "private", "any", or for '
        'example "192.168.1.0/24"',
        'config.toml:9: server.idle_timeout: must be a time with its unit, for example "60 s" or '
        '"5 d"',
        'config.toml:11: storage.keep: must be a time with its unit, for example "60 s" or "5 d"',
        "config.toml:12: storage.phots: unknown: did you mean photos?",
        "config.toml:14: email.port: must be a port number from 1 to 65535, without quotes",
        'config.toml:15: email.security: must be one of "starttls", "tls", "none"',
        "config.toml:17: web.folders: must be true or false, without quotes",
        "config.toml:19: actions.facebok: is neither an address nor a site: facebook, picasa, "
        "youtube, photobucket, samsungimaging, cyworld, me2day, poco, weibo, renren, vkontakte, "
        "odnoklassniki, kakaostory, evernote, skydrive, flickr, dropbox",
        'config.toml:20: actions.picasa: "stor" is no action: there are email, store, mastodon, '
        "shell, drop",
        'config.toml:21: actions.youtube: "mastodon" needs url and token (or token_file) in '
        "[mastodon]",
        "config.toml:22: actions.flickr: there is no section [mastodon.none]",
        'config.toml:23: actions.me2day: "shell" needs cmd in [shell]',
        "config.toml:24: actions.poco: photos for poco cannot be mailed without an address: set "
        "to in [email]",
        'config.toml:25: actions."a@b.c": "email" has no instances: write "email"',
        "config.toml:26: actions.\"d@b.c\": may only have letters, digits, '_', '-' and '.', and "
        "not begin with '.'",
    ]


def test_wrong_shapes_are_told(tmp_path: Path) -> None:
    assert errors(tmp_path, "server = 1") == [
        "config.toml:1: server: must be a section: write [server]"
    ]
    assert errors(tmp_path, "senders = []")[0].startswith("config.toml:1: senders: must name")
    assert errors(tmp_path, '[accounts]\n"a@b.c" = "x"') == [
        'config.toml:2: accounts."a@b.c": must be { password = "..." }'
    ]
    assert errors(tmp_path, '[email]\nhost = "a"\nusername = "me"') == [
        "config.toml:3: email.username: needs a password or a password_file, or [email.oauth]"
    ]
    assert errors(tmp_path, "[server]\nallow = []")[0].startswith("config.toml:2: server.allow")
    assert errors(tmp_path, '[actions]\nfacebook = "drop"\nFacebook = "drop"') == [
        "config.toml:3: actions.Facebook: is there twice (upper and lower case are the same)"
    ]


def test_an_instances_inherited_mistake_is_told_once(tmp_path: Path) -> None:
    text = '[mastodon]\nvisibility = "secret"\n[mastodon.a]\n[mastodon.b]\nalt_text = "maybe"\n'
    assert [line.partition(": must")[0] for line in errors(tmp_path, text)] == [
        "config.toml:2: mastodon.visibility",
        "config.toml:5: mastodon.b.alt_text",
    ]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert errors(tmp_path, "a = ")[0].startswith("config.toml: this is not TOML: ")
    (tmp_path / "latin").write_bytes(b"# \xe4")
    for name, said in (("none", "cannot be read: No such file"), ("latin", "not UTF-8")):
        with pytest.raises(ConfigError, match=said):
            load(tmp_path / name, {})


def test_secrets_come_from_files_and_the_environment(tmp_path: Path) -> None:
    (tmp_path / "smtp.secret").write_text("from the file\n")
    text = """
[email]
username = "me"
password_file = "smtp.secret"
[mastodon]
token = "base"
[mastodon.pub]
token_file = "smtp.secret"
[accounts]
"me@example.org" = { password = "open" }
"""
    config = read(tmp_path, text)
    assert config.email.password == Secret("from the file")
    assert config.mastodon[""].token == Secret("base")
    assert config.mastodon["pub"].token == Secret("from the file")
    assert config.accounts["me@example.org"].password == Secret("open")
    environ = {
        "SHUTTERPOST_EMAIL_PASSWORD": "from outside",
        "SHUTTERPOST_STORAGE_SECRET": "s",
        "SHUTTERPOST_MASTODON_PUB_TOKEN": "p",
        "SHUTTERPOST_ACCOUNTS_ME_EXAMPLE_ORG_PASSWORD": "a",
    }
    config = read(tmp_path, text, environ)
    assert config.email.password == Secret("from outside")
    assert config.storage.secret == Secret("s")
    assert config.mastodon["pub"].token == Secret("p")
    assert config.accounts["me@example.org"].password == Secret("a")


def test_secret_files_that_do_not_help(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    text = '[email]\npassword_file = "{}"\n'
    assert errors(tmp_path, text.format("none")) == [
        f"config.toml:2: email.password_file: {tmp_path}/none cannot be read: "
        "No such file or directory"
    ]
    assert errors(tmp_path, text.format("empty"))[0].endswith("is empty")
    both = errors(tmp_path, text.format("empty") + 'password = "x"\n')
    assert both == [
        "config.toml:2: email.password_file: give either password or password_file, not both"
    ]


def test_no_secret_is_shown(tmp_path: Path) -> None:
    config = read(tmp_path, '[email]\npassword = "hunter2"\n[mastodon]\ntoken = "hunter2"\n')
    assert "hunter2" not in repr(config)
    assert "hunter2" not in str(config.email.password)


def test_options_go_before_the_file(tmp_path: Path) -> None:
    config = with_options(load(None, {}), str(tmp_path), "127.0.0.1:0", "off")
    assert config.storage.photos == tmp_path / "photos"
    assert config.server.listen == Address("127.0.0.1", 0)
    assert config.web.listen is None
    with pytest.raises(ConfigError) as error:
        with_options(load(None, {}), None, "x", "y")
    assert [line.partition(":")[0] for line in error.value.lines] == ["--listen", "--web"]


def test_warnings(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        '[email]\nsecurity = "none"\nusername = "u"\npassword = "p"\n'
        '[actions]\n"a@b.c" = "email"\n',
    )
    assert len(config.warnings) == 2


def test_lines_of_keys_in_odd_places() -> None:
    text = (
        'a = """\nb = 1\n"""\n\n# c\n"x.y" = [\n 1,\n 2]\nt = { "k k" = 1 }\n[s."q r"]\n\nz = 1\n'
    )
    assert line_of(("a",), text) == 1
    assert line_of(("b",), text) is None
    assert line_of(("x.y",), text) == 6
    assert line_of(("t", "k k"), text) == 9
    assert line_of(("s", "q r"), text) == 10
    assert line_of(("s", "q r", "z"), text) == 12


def test_tokens_go_over_https_or_stay_on_this_machine(tmp_path: Path) -> None:
    text = '[mastodon]\nurl = "http://photog.social"\ntoken = "x"\n'
    assert errors(tmp_path, text) == [
        "config.toml:2: mastodon.url: must be https, or the token could be read on its way"
    ]
    assert read(tmp_path, text.replace("photog.social", "127.0.0.1:3000")).mastodon[""].url


def test_token_files_in_the_format_of_mastodon_py(tmp_path: Path) -> None:
    (tmp_path / "user").write_text("t0ken\nhttps://photog.social\nid\nsecret\n")
    (tmp_path / "app").write_text("id\nsecret\nhttps://photog.social\nname\n")
    config = read(tmp_path, '[mastodon]\ntoken_file = "user"\n')
    assert config.mastodon[""].url == "https://photog.social"
    assert config.mastodon[""].token == Secret("t0ken")
    assert errors(tmp_path, '[mastodon]\ntoken_file = "app"\n') == [
        "config.toml:2: mastodon.token_file: app holds an app and no token: make one with "
        "`shutterpost login mastodon`"
    ]
    assert errors(tmp_path, '[mastodon]\nurl = "https://other.org"\ntoken_file = "user"\n') == [
        "config.toml:3: mastodon.token_file: user is for https://photog.social, but url is "
        "https://other.org"
    ]


def test_braces_that_are_no_placeholder_are_warned_about(tmp_path: Path) -> None:
    config = read(tmp_path, '[shell]\ncmd = ["x", "{sender}", "{recipent}"]\n')
    assert config.warnings == ("[shell] {recipent} is no placeholder and stays as it is",)
