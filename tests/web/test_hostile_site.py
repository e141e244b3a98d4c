"""A hostile web site in a real Chromium tries to send mail through the camera door."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser

from tests.conftest import Server, Smarthost, StartServer
from tests.support import eventually, recording

MESSAGE = (
    "<email><sender>Camera@samsungcamera.com</sender><receiver>victim@example.org</receiver>"
    "<title>Buy</title><body>this</body></email>"
)
FORM = f"""
<form method="post" enctype="multipart/form-data" action="TARGET/social/columbus/email">
<textarea name="message">{MESSAGE}</textarea><textarea name="binary">photo</textarea></form>
<script>document.forms[0].submit()</script>
"""
DATA = f"""
const data = new FormData();
data.append("message", {MESSAGE!r});
data.append("binary", new Blob(["photo"], {{type: "image/jpeg"}}), "SAM_0001.JPG");
"""
FETCH = f"""<script>{DATA}
fetch("TARGET/social/columbus/email", {{method: "POST", mode: "no-cors", body: data}});
</script>"""
BEACON = f"""<script>{DATA}
navigator.sendBeacon("TARGET/social/columbus/email", data);
</script>"""
LOGIN = """<script>
fetch("TARGET/facebook/auth", {method: "POST", mode: "no-cors", body: "<Request Method='login'/>"});
</script>"""
HIDDEN = '<meta name="referrer" content="no-referrer">'

PAGES = {
    "form": FORM,
    "form without a referrer": HIDDEN + FORM,
    "form in a sandbox": f"<iframe sandbox='allow-scripts allow-forms' srcdoc='{FORM}'></iframe>",
    "fetch": FETCH,
    "fetch without a referrer": HIDDEN + FETCH,
    "beacon": BEACON,
    "login": LOGIN,
}


@pytest.fixture
def site() -> Iterator[tuple[str, dict[str, str]]]:
    """A web site of somebody else, and its pages by their paths."""
    pages: dict[str, str] = {}

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(pages.get(self.path, "").encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", pages
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("secure", [True, False], ids=["trusted", "plain"])
def test_a_site_mails_nothing_through_the_camera_door(
    start_server: StartServer,
    smarthost: Smarthost,
    chromium: Browser,
    site: tuple[str, dict[str, str]],
    name: str,
    secure: bool,
) -> None:
    """`Sec-Fetch-Site` is sent to localhost, and not to a plain address in the home network."""
    server = start_server(smarthost.config)
    base, pages = site
    pages["/"] = PAGES[name].replace("TARGET", f"http://{_host(secure)}:{server.port}")
    page = chromium.new_page()
    page.goto(base)
    refused = eventually(lambda: _refusals(server))
    assert "a web page sent this (Origin), and only cameras may" in refused[0]
    page.close()
    assert server.ask(recording("email-nx300")).status == 200
    eventually(lambda: smarthost.inbox.mails)
    assert [mail.recipients for mail in smarthost.inbox.mails] == [["photos@example.org"]]


def test_a_person_who_opens_the_camera_doors_page_sees_it(
    server: Server, chromium: Browser, site: tuple[str, dict[str, str]]
) -> None:
    base, pages = site
    pages["/"] = f'<a href="http://localhost:{server.port}/">look</a>'
    page = chromium.new_page()
    page.goto(base)
    page.get_by_text("look").click()
    page.get_by_text("This camera has reached Shutterpost.").wait_for()
    page.close()


def _host(secure: bool) -> str:
    return "localhost" if secure else "home-server.test"


def _refusals(server: Server) -> list[str]:
    return [line for line in server.output.splitlines() if "refused: 403" in line]
