"""The page in a real Chromium: what people see, live, and whether everybody can use it."""

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.conftest import Server, Smarthost, StartServer
from tests.far_ends import FakeMastodon
from tests.support import DEADLINE, eventually, need
from tests.web.visitor import landscape, password_of, photo, send

SCREENS = Path(__file__).parents[2] / "build" / "screens"
AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
WIDTHS = {"phone": (390, 844), "desk": (1280, 800)}


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Open a server's page as a person who is logged in; nothing may go to the console."""
    said: list[str] = []
    contexts = []

    def noted(message: ConsoleMessage) -> None:
        url = message.location["url"]
        expected = "/favicon.ico" in url or url.endswith("/login")  # a fake's, a wrong password
        if message.type in ("error", "warning") and not expected:
            said.append(f"{message.type}: {message.text} {message.location}")

    def opened(server: Server, **options: object) -> Page:
        context = chromium.new_context(**options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("console", noted)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"http://127.0.0.1:{server.page}/")
        page.get_by_label("Password").fill(password_of(server))
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("heading", name="Photos")).to_be_visible()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []


OpenPage = Callable[..., Page]


def test_a_photo_appears_by_itself(server: Server, open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(server)
    expect(page.get_by_text("No photo yet.")).to_be_visible()
    page.evaluate("window.sameDocument = true")
    send(server, photo(tmp_path, "SAM_0001.JPG"), text="Holiday shot!~a white wall")
    card = page.get_by_role("article")
    expect(card.get_by_role("img", name="a white wall")).to_be_visible()
    expect(card).to_contain_text("Holiday shot!")
    expect(card).to_contain_text("stored")
    expect(page.get_by_text("No photo yet.")).not_to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("A photo arrived: a white wall")
    send(server, photo(tmp_path, "SAM_0002.JPG", "red"), text="Second")
    expect(page.get_by_role("article")).to_have_count(2)
    expect(page.get_by_role("article").first).to_contain_text("Second")
    assert page.evaluate("window.sameDocument")
    loaded = page.evaluate(
        "[...document.images].map(image => [image.complete, image.naturalWidth > 0])"
    )
    assert all(complete and wide for complete, wide in loaded)


def test_an_upload_on_the_wire_has_a_progress_bar(
    server: Server, open_page: OpenPage, tmp_path: Path
) -> None:
    import socket

    from tests.support import email_body, email_request

    page = open_page(server)
    body = email_body(("SAM_7777.JPG", os.urandom(4_000_000)))
    data = email_request(body)
    with socket.create_connection(("127.0.0.1", server.port)) as camera:
        camera.sendall(data[:2_000_000])
        bar = page.get_by_role("progressbar", name="SAM_7777.JPG")
        expect(bar).to_be_visible()
        expect(page.locator(".upload")).to_contain_text(" of 4.0 MB")
        camera.sendall(data[2_000_000:])
        assert b"200 OK" in camera.recv(1000)
    expect(bar).not_to_be_visible()


def test_a_failed_delivery_is_retried_and_turns_green(
    start_server: StartServer, smarthost: Smarthost, open_page: OpenPage, tmp_path: Path
) -> None:
    smarthost.inbox.refuse["photos@example.org"] = "550 no such person"
    server = start_server(smarthost.config)
    page = open_page(server)
    send(server, photo(tmp_path, "SAM_0001.JPG"))
    expect(page.locator(".mark.failed")).to_contain_text("does not take one of the addresses")
    expect(page.get_by_role("link", name="Deliveries 1 failed")).to_be_visible()
    smarthost.inbox.refuse.clear()
    page.locator(".card .picture").click()
    expect(page.get_by_text("550 no such person").first).to_be_visible()
    page.get_by_role("button", name="Try again now").click()
    expect(page.get_by_text("It is tried now.")).to_be_visible()
    done = page.locator(".mark.done")
    expect(done).to_contain_text("mailed to photos@example.org")
    red, green, blue = _color(done)
    assert green > red
    assert green > blue
    expect(page.get_by_role("link", name="failed")).to_have_count(0)


def test_everything_that_failed_is_retried_or_given_up(
    start_server: StartServer, smarthost: Smarthost, open_page: OpenPage, tmp_path: Path
) -> None:
    smarthost.inbox.refuse["photos@example.org"] = "550 no such person"
    server = start_server(smarthost.config)
    page = open_page(server)
    for number in range(2):
        send(server, photo(tmp_path, f"SAM_000{number}.JPG"), text=f"Shot {number}")
    page.get_by_role("link", name="Deliveries").click()
    expect(page.locator(".queue > li")).to_have_count(2)
    page.get_by_role("link", name="Give up…").first.click()
    page.get_by_role("link", name="Keep it").click()
    expect(page.locator(".queue > li")).to_have_count(2)
    page.get_by_role("link", name="Give up…").first.click()
    page.get_by_role("button", name="Give it up").click()
    expect(page.locator(".queue > li")).to_have_count(1)
    smarthost.inbox.refuse.clear()
    page.get_by_role("button", name="Try all again now").click()
    expect(page.get_by_text("All done.")).to_be_visible()
    assert len(smarthost.inbox.mails) == 1


def test_a_mastodon_account_is_connected_in_the_browser(
    start_server: StartServer, mastodon: FakeMastodon, open_page: OpenPage, tmp_path: Path
) -> None:
    server = start_server('senders = ["*"]\n')
    page = open_page(server)
    connect(page, mastodon)
    expect(page.get_by_text('facebook = "mastodon"')).to_be_visible()
    secret = server.folder / "data" / "mastodon.secret"
    assert secret.stat().st_mode & 0o777 == 0o600
    page.close()
    server.stop()
    server.config.write_text(
        '[server]\nquiet = "1 s"\n[actions]\nfacebook = "mastodon"\n'
        '[mastodon]\nalt_text = "optional"\n'
    )
    server.start()  # the token is found again
    page = open_page(server)
    send(server, photo(tmp_path, "SAM_0001.JPG"), text="Posted", site="facebook")
    posted = page.get_by_role("link", name="posted")
    expect(posted).to_have_attribute("href", f"{mastodon.url}/@me/1", timeout=DEADLINE * 1000)
    mastodon.token = "another"  # the account's owner has revoked the first
    send(server, photo(tmp_path, "SAM_0002.JPG", "red"), text="Again", site="facebook")
    page.get_by_role("link", name="Deliveries").click()
    expect(page.get_by_role("heading", name="mastodon is paused")).to_be_visible()
    connect(page, mastodon)
    page.get_by_role("link", name="Photos").click()
    expect(page.get_by_role("link", name="posted")).to_have_count(2)


def connect(page: Page, mastodon: FakeMastodon) -> None:
    """Connect an account, as a person does."""
    page.get_by_role("link", name="Set up").click()
    page.get_by_label("Your server").fill(mastodon.url)
    page.get_by_role("button", name="Connect the account").click()
    page.get_by_role("button", name="Connect to my own server").click()
    page.get_by_role("link", name="Go on to").click()
    page.get_by_role("link", name="Authorize").click()
    expect(page.get_by_text(f"Connected to {mastodon.url}.")).to_be_visible()


def test_a_camera_is_set_up(server: Server, open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(server)
    page.get_by_role("link", name="Set up").click()
    page.get_by_label("Which camera is it?").select_option("EX2F")
    page.get_by_role("button", name="Show").click()
    page.locator("#format-dnsmasq summary").click()
    expect(page.locator("#format-dnsmasq pre")).to_contain_text("www.yahoo.co.kr")
    expect(page.locator("#step-upload")).to_have_class("waiting")
    page.evaluate("window.sameDocument = true")
    server.ask(b"GET / HTTP/1.1\r\nHost: www.yahoo.co.kr\r\n\r\n")
    expect(page.locator("#step-check")).to_have_class("done")
    send(server, photo(tmp_path, "SAM_0001.JPG"))
    expect(page.locator("#step-upload")).to_have_class("done")
    expect(page.locator("#format-dnsmasq pre")).to_be_visible()
    assert page.evaluate("window.sameDocument")
    page.get_by_label("A test photo").fill("facebook")
    page.get_by_role("button", name="Send the test photo").click()
    expect(page.get_by_text("A photo for facebook has arrived")).to_be_visible()
    expect(page.get_by_role("article")).to_have_count(2)


def test_a_test_mail_is_sent(
    start_server: StartServer, smarthost: Smarthost, open_page: OpenPage
) -> None:
    server = start_server(smarthost.config)
    page = open_page(server)
    page.get_by_role("link", name="Set up").click()
    page.get_by_label("A test mail").fill("me@example.org")
    page.get_by_role("button", name="Send the test mail").click()
    expect(page.get_by_text("A mail is on its way to me@example.org.")).to_be_visible()
    assert smarthost.inbox.mails[0].recipients == ["me@example.org"]
    smarthost.stop()
    page.get_by_label("A test mail").fill("me@example.org")
    page.get_by_role("button", name="Send the test mail").click()
    expect(page.get_by_text("The mail did not go out")).to_be_visible()


def test_logging_out_and_a_wrong_password(server: Server, open_page: OpenPage) -> None:
    page = open_page(server)
    page.get_by_role("button", name="Log out").click()
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("That is not the password")
    expect(page.get_by_role("navigation")).to_have_count(0)


def test_it_works_without_scripts(server: Server, open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(server, java_script_enabled=False)
    send(server, photo(tmp_path, "SAM_0001.JPG"))
    page.reload()
    page.locator(".card .picture").click()
    expect(page.get_by_role("heading", name="Where it went")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "SAM_0001.JPG"
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Password")).to_be_visible()


def test_the_keyboard_is_enough(server: Server, open_page: OpenPage) -> None:
    page = open_page(server)
    page.reload()
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    assert (box := skip.bounding_box())
    assert box["x"] >= 0
    for name in ("Shutterpost", "Photos", "Deliveries", "Cameras", "Set up"):
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name=name, exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Set up", exact=True)).to_be_visible()


def test_the_first_load_is_small(server: Server, open_page: OpenPage) -> None:
    page = open_page(server)
    page.reload()
    loaded = page.evaluate(
        "['navigation', 'resource'].flatMap(kind => performance.getEntriesByType(kind))"
        ".map(entry => [entry.name, entry.decodedBodySize])"
    )
    assert {Path(name).name for name, _ in loaded} >= {"style.css", "live.js", "icon.svg"}
    assert 0 < sum(size for _, size in loaded) < 100_000


@pytest.fixture
def lived_in(start_server: StartServer, smarthost: Smarthost, tmp_path: Path) -> Server:
    """A server that has something to show on every page."""
    smarthost.inbox.refuse["nobody@example.org"] = "550 no such person"
    smarthost.inbox.refuse["later@example.org"] = "450 try later"
    server = start_server(
        f'{smarthost.config}[actions]\nfacebook = "mastodon"\n'
        "[mastodon]\n"
        'url = "http://127.0.0.1:9"\ntoken = "t"\nalt_text = "optional"\n[web]\nfolders = true\n'
    )
    for number, (sky, land, to, text) in enumerate(
        (
            ("#a8d0dc", "#1f5f5b", "photos@example.org", "By the sea~a quiet bay"),
            ("#f2b8a0", "#5a2a3c", "nobody@example.org", "The last light"),
            ("#e9d8a6", "#8a5a12", "later@example.org", "Harvest behind the old barn"),
        )
    ):
        send(server, landscape(tmp_path, f"SAM_000{number}.JPG", sky, land), to, text=text)
    video = tmp_path / "SAM_0009.MP4"
    video.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(12))
    send(server, video, site="youtube", text="A video")
    send(
        server,
        landscape(tmp_path, "SAM_0010.JPG", "#b8c4e8", "#2c2f5e"),
        site="facebook",
        text="Dusk",
    )
    server.ask(b"GET /what/is/this HTTP/1.1\r\nHost: www.samsungimaging.com\r\n\r\n")
    return server


PAGES = {
    "photos": "/",
    "photo": "/photos/1",
    "failed-photo": "/photos/2",
    "deliveries": "/deliveries",
    "drop": "/deliveries/2/drop",
    "cameras": "/cameras",
    "setup": "/setup?camera=NX300",
    "error": "/photos/4711",
}


def test_every_page_is_accessible_and_is_shown(
    chromium: Browser, lived_in: Server, tmp_path: Path
) -> None:
    """No serious fault for axe-core; each page's picture is in build/screens."""
    if not AXE.exists():
        need("axe-core", "npm ci --prefix tests/web")
    SCREENS.mkdir(parents=True, exist_ok=True)
    faults: list[str] = []
    base = f"http://127.0.0.1:{lived_in.page}"
    [folder] = {path.partition("/")[0] for path in eventually(lived_in.stored)}
    pages = {"login": "/login", **PAGES, "folder": f"/{folder}/"}
    for width, (wide, high) in WIDTHS.items():
        for scheme in ("light", "dark"):
            context = chromium.new_context(
                viewport={"width": wide, "height": high},
                color_scheme=scheme,
                bypass_csp=True,  # for axe alone; the other tests keep to the policy
            )
            page = context.new_page()
            for name, path in pages.items():
                if name == "photos":
                    page.get_by_label("Password").fill(password_of(lived_in))
                    page.keyboard.press("Enter")
                    page.wait_for_url(f"{base}/")
                page.goto(base + path)
                page.wait_for_load_state("load")
                page.wait_for_function("[...document.images].every(image => image.complete)")
                page.screenshot(path=SCREENS / f"{name}-{width}-{scheme}.png", full_page=True)
                assert page.evaluate(
                    "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
                ), f"{name} is too wide for a {width}"
                faults += [f"{name} {width} {scheme}: {fault}" for fault in _faults(page)]
            context.close()
    assert faults == []


def _faults(page: Page) -> list[str]:
    """What axe-core finds at least serious."""
    page.add_script_tag(path=AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{fault['id']}: {json.dumps([node['html'] for node in fault['nodes']])}"
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
    ]


def _color(found: object) -> list[int]:
    text = found.evaluate("element => getComputedStyle(element).color")  # type: ignore[attr-defined]
    return [int(part) for part in re.findall(r"\d+", text)[:3]]
