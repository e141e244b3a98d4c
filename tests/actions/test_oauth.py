"""`email` without a password: XOAUTH2, against a token server and a real SMTP server."""

import asyncio
import base64
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult
from hypothesis import given
from hypothesis import strategies as st

from shutterpost.actions import MisconfiguredError, TemporaryError
from shutterpost.actions.email import Email
from shutterpost.actions.oauth import AccessTokens, seconds
from shutterpost.actions.oauth_login import (
    MICROSOFT,
    Client,
    LoginFailed,
    begin,
    device_url,
    refresh_token,
)
from shutterpost.config import load
from shutterpost.config.problems import ConfigError
from shutterpost.config.settings import Email as Settings
from shutterpost.config.settings import OAuth
from shutterpost.config.values import Secret
from tests.actions.test_email import Attempt
from tests.conftest import Inbox, Smarthost, running_smarthost
from tests.token_server import FakeTokenServer, token_server


@pytest.fixture
def tokens() -> Iterator[FakeTokenServer]:
    with token_server() as server:
        yield server


class OAuthInbox(Inbox):
    """Takes one access token, and refuses others in Microsoft's two steps."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: set[str] = set()
        self.logins: list[bytes] = []

    async def auth_XOAUTH2(self, server: Any, args: list[str]) -> Any:  # noqa: N802 (aiosmtpd's way)
        words = base64.b64decode(args[1])
        self.logins.append(words)
        token = words.partition(b"Bearer ")[2].rstrip(b"\x01").decode()
        if token in self.taken:
            return AuthResult(success=True, auth_data=token)
        answer = await server.challenge_auth(
            '{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}'
        )
        assert answer == b""
        await server.push("535 5.7.3 Authentication unsuccessful")
        return AuthResult(success=False, handled=True)


@pytest.fixture
def inbox() -> OAuthInbox:
    return OAuthInbox()


@pytest.fixture
def mailer(inbox: OAuthInbox) -> Iterator[Smarthost]:
    for smarthost in running_smarthost(inbox):
        smarthost.stop()
        smarthost.port = smarthost.start(auth_require_tls=False)
        yield smarthost


def oauth(tokens: FakeTokenServer, kept: Path | None = None, secret: str = "") -> OAuth:
    return OAuth("the-app", Secret(secret), Secret("refresh-0"), tokens.url, kept)


def email(mailer: Smarthost, tokens: FakeTokenServer) -> Email:
    return Email(
        Settings(
            host="127.0.0.1",
            port=mailer.port,
            security="none",
            username="me@example.org",
            oauth=oauth(tokens),
        )
    )


def test_mails_go_out_with_one_token_for_all(
    mailer: Smarthost, inbox: OAuthInbox, tokens: FakeTokenServer, tmp_path: Path
) -> None:
    inbox.taken = {"access-1"}
    action = email(mailer, tokens)
    for _ in range(2):
        attempt = Attempt(tmp_path, (10,))
        asyncio.run(action.deliver(attempt.delivery(), attempt.note))
    assert len(inbox.mails) == 2
    assert inbox.logins == [b"user=me@example.org\x01auth=Bearer access-1\x01\x01"] * 2
    [asked] = tokens.asked
    assert asked == {
        "path": "/oauth2/v2.0/token",
        "grant_type": "refresh_token",
        "refresh_token": "refresh-0",
        "client_id": "the-app",
    }


def test_a_token_that_is_not_taken_is_the_settings_fault_and_not_used_again(
    mailer: Smarthost, inbox: OAuthInbox, tokens: FakeTokenServer, tmp_path: Path
) -> None:
    attempt = Attempt(tmp_path, (10,))
    action = email(mailer, tokens)
    with pytest.raises(MisconfiguredError, match=r"535 5\.7\.3 Authentication") as error:
        asyncio.run(action.deliver(attempt.delivery(), attempt.note))
    assert "access-1" not in str(error.value)
    inbox.taken = {"access-2"}
    asyncio.run(action.deliver(attempt.delivery(), attempt.note))
    assert len(inbox.mails) == 1


def test_a_server_without_xoauth2_is_told(
    smarthost: Smarthost, tokens: FakeTokenServer, tmp_path: Path
) -> None:
    attempt = Attempt(tmp_path, (10,))
    with pytest.raises(MisconfiguredError, match="no login by oauth"):
        asyncio.run(email(smarthost, tokens).deliver(attempt.delivery(), attempt.note))


def test_the_newest_refresh_token_is_kept(tokens: FakeTokenServer, tmp_path: Path) -> None:
    kept = tmp_path / "email-oauth.secret"
    assert AccessTokens(oauth(tokens, kept)).current() == "access-1"
    assert kept.stat().st_mode & 0o777 == 0o600
    tokens.good = {"refresh-1"}
    assert AccessTokens(oauth(tokens, kept)).current() == "access-2"
    assert tokens.asked[-1]["refresh_token"] == "refresh-1"


@pytest.mark.parametrize("content", [b"", b"one", b"a b c", b"\xff\xfe", b"refresh-9 other"])
def test_a_kept_token_that_is_not_ours_is_left_alone(
    tokens: FakeTokenServer, tmp_path: Path, content: bytes
) -> None:
    """Damaged, or from a login before the last one."""
    kept = tmp_path / "email-oauth.secret"
    kept.write_bytes(content)
    assert AccessTokens(oauth(tokens, kept)).current() == "access-1"
    assert tokens.asked[0]["refresh_token"] == "refresh-0"


def test_when_the_kept_token_has_ended_the_configured_one_is_tried(
    tokens: FakeTokenServer, tmp_path: Path
) -> None:
    kept = tmp_path / "email-oauth.secret"
    AccessTokens(oauth(tokens, kept)).current()
    tokens.good = {"refresh-0"}
    assert AccessTokens(oauth(tokens, kept)).current() == "access-2"


def test_a_data_folder_that_cannot_be_written_keeps_no_mail(tokens: FakeTokenServer) -> None:
    assert AccessTokens(oauth(tokens, Path("/proc/none/x"))).current() == "access-1"


def test_a_login_that_has_ended_is_told(tokens: FakeTokenServer) -> None:
    tokens.good = set()
    with pytest.raises(MisconfiguredError, match="invalid_grant: AADSTS700082") as error:
        AccessTokens(oauth(tokens)).current()
    assert "`shutterpost login email`" in str(error.value)
    assert "refresh-0" not in str(error.value)


@pytest.mark.parametrize(
    "answer",
    [
        (500, {"error": "server_error"}),
        (503, b"<html>Wartungsarbeiten</html>"),
        (429, {"error": "zu viele Anfragen"}),
        (400, {"error": "temporarily_unavailable"}),
        (200, {"token_type": "Bearer"}),
        (200, [1]),
        (200, b"not json"),
        (200, {"access_token": None}),
    ],
)
def test_what_may_pass_is_tried_again(tokens: FakeTokenServer, answer: tuple[int, Any]) -> None:
    tokens.script = [answer]
    access = AccessTokens(oauth(tokens))
    with pytest.raises(TemporaryError):
        access.current()
    assert access.current() == "access-1"


@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client", "ungültig"])
@pytest.mark.parametrize("status", [400, 401, 403])
def test_what_will_not_pass_is_a_matter_of_configuration(
    tokens: FakeTokenServer, error: str, status: int
) -> None:
    tokens.script = [(status, {"error": error, "error_description": "AADSTS7000218: ..."})]
    with pytest.raises(MisconfiguredError, match=error):
        AccessTokens(oauth(tokens)).current()


@pytest.mark.parametrize("answer", [(404, b""), (302, b""), (418, b"{}"), (200, b"<html>")])
def test_a_wrong_token_url_is_a_matter_of_configuration(
    tokens: FakeTokenServer, answer: tuple[int, Any]
) -> None:
    tokens.script = [answer]
    expected = TemporaryError if answer[0] == 200 else MisconfiguredError
    with pytest.raises(expected):
        AccessTokens(oauth(tokens)).current()


def test_the_apps_secret_goes_along(tokens: FakeTokenServer) -> None:
    AccessTokens(oauth(tokens, secret="s3cret")).current()
    assert tokens.asked[0]["client_secret"] == "s3cret"


@pytest.mark.parametrize(("lifetime", "asked"), [(60, 2), (3600, 1), (None, 1), ("3600", 1)])
def test_a_token_is_renewed_a_minute_before_its_end(
    tokens: FakeTokenServer, lifetime: Any, asked: int
) -> None:
    tokens.lifetime = lifetime
    access = AccessTokens(oauth(tokens))
    for _ in range(2):
        access.current()
    assert len(tokens.asked) == asked


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)


@given(JSON)
def test_any_lifetime_is_a_time(value: object) -> None:
    assert 0 < seconds(value, 300.0, 86400.0) <= 86400.0


def client(tokens: FakeTokenServer) -> Client:
    return Client(tokens.url, device_url(tokens.url), "the-app", "", "https://x/SMTP.Send")


def login(tokens: FakeTokenServer) -> tuple[str, list[float]]:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    async def both() -> str:
        device = await begin(client(tokens))
        return await refresh_token(client(tokens), device, pause)

    return asyncio.run(both()), pauses


CODE = {"user_code": "C", "device_code": "D", "verification_uri": "https://x.y", "interval": 5}


def test_a_person_may_take_their_time(tokens: FakeTokenServer) -> None:
    waiting = (400, {"error": "authorization_pending", "error_description": "AADSTS70016: ..."})
    slower = (400, {"error": "slow_down"})
    tokens.script = [(200, CODE), waiting, slower, waiting, (503, b"")]
    token, pauses = login(tokens)
    assert token == "refresh-1"
    assert pauses == [5, 5, 10, 10, 20]
    assert tokens.asked[-1] == {
        "path": "/oauth2/v2.0/token",
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": "D",
        "client_id": "the-app",
    }


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ([(400, {"error": "invalid_scope", "error_description": "Ungültig"})], "Ungültig"),
        ([(200, {"user_code": "C"})], "gives no code"),
        ([(404, b"")], "says 404"),
        ([(200, CODE), (400, {"error": "authorization_declined"})], "authorization_declined"),
        ([(200, CODE), (400, {"error": "expired_token"})], "expired_token"),
        ([(200, CODE), (200, {"access_token": "a"})], "gives no refresh token"),
        (
            [(200, {**CODE, "expires_in": 10}), *[(400, {"error": "authorization_pending"})] * 2],
            "nobody entered the code",
        ),
    ],
)
def test_a_login_that_fails(tokens: FakeTokenServer, script: list[Any], said: str) -> None:
    tokens.script = script
    with pytest.raises(LoginFailed, match=said):
        login(tokens)
    assert tokens.script == []


def test_where_microsofts_codes_come_from() -> None:
    assert device_url(MICROSOFT) == (
        "https://login.microsoftonline.com/common/oauth2/v2.0/devicecode"
    )
    assert device_url("https://oauth2.googleapis.com/token") == ""


def command(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "shutterpost", "login", "email", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_login_email_writes_a_secret_that_the_configuration_reads(
    tokens: FakeTokenServer, tmp_path: Path
) -> None:
    result = command(tmp_path, tokens.url, "--client-id", "the-app")
    assert result.returncode == 0, result.stderr
    assert "Open https://microsoft.com/devicelogin in a browser and enter the code C7XKR9" in (
        result.stdout
    )
    assert tokens.asked[0]["scope"] == "https://outlook.office.com/SMTP.Send offline_access"
    secret = tmp_path / "email.secret"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert "refresh-1" not in result.stdout + result.stderr
    section = result.stdout[result.stdout.index("[email.oauth]") :]
    file = tmp_path / "config.toml"
    file.write_text(f'[email]\nhost = "smtp.office365.com"\nusername = "me@x.y"\n{section}')
    found = load(file, {}).email.oauth
    assert found == OAuth("the-app", Secret(""), Secret("refresh-1"), tokens.url)
    assert found.kept == tmp_path / "data" / "email-oauth.secret"


def test_login_email_that_fails_leaves_nothing(tokens: FakeTokenServer, tmp_path: Path) -> None:
    tokens.script = [(401, {"error": "invalid_client"})]
    for arguments, status, said in (
        ((tokens.url, "--client-id", "x"), 1, "invalid_client"),
        ((), 2, "--client-id"),
        (("http://example.org/token", "--client-id", "x"), 2, "must be https"),
        (("nonsense", "--client-id", "x"), 2, "must be a URL"),
        (("https://oauth2.googleapis.com/token", "--client-id", "x"), 2, "--device-url"),
        (
            *(("https://127.0.0.1:1/token", "--client-id", "x", "--device-url", "https://x"),),
            *(2, "--scope"),
        ),
    ):
        result = command(tmp_path, *arguments)
        assert (result.returncode, said in result.stderr) == (status, True), result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[email]\nusername = "me"\noauth = "x"', "must be a section: write [email.oauth]"),
        ('[email.oauth]\nclient_id = "x"', "needs token_url and refresh_token"),
        ('[email.oauth]\nclient = "x"', "did you mean client_id?"),
        (
            '[email.oauth]\nclient_id = "x"\nrefresh_token = "x"\ntoken_url = "https://x/y"',
            "needs username in [email]",
        ),
        (
            '[email]\nusername = "me"\n[email.oauth]\nclient_id = "x"\nrefresh_token = "x"\n'
            'token_url = "http://x/y"',
            "must be https",
        ),
        ('[email.oauth]\ntoken_url = "x"', "must be a URL"),
    ],
)
def test_settings_that_do_not_fit(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        load(file, {})
    assert said in str(error.value)


def test_nothing_of_it_is_imported_for_a_password() -> None:
    code = (
        "import sys, shutterpost.actions.email as e; from shutterpost.config.settings import Email;"
        "e.Email(Email(host='x', username='u')); print([m for m in sys.modules "
        "if 'oauth' in m or m in ('httpx2', 'idna')])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
