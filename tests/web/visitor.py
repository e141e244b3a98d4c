"""A person's browser as far as HTTP goes, and a camera with photos to send."""

import http.client
import io
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from PIL import Image, ImageDraw

from shutterpost.camera.models import find_model
from shutterpost.simulator import Camera, Shot
from tests.conftest import Server
from tests.support import DEADLINE


@dataclass
class Answer:
    """What the page answered."""

    status: int
    headers: dict[str, str]
    data: bytes

    @property
    def text(self) -> str:
        return self.data.decode()


@dataclass
class Visitor:
    """Keeps cookies and sends forms; follows no redirects."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Answer:
        return self._ask("GET", path, b"", headers)

    def post(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", path, urlencode(fields).encode(), {**kind, **headers})

    def login(self, password: str) -> Answer:
        visit = hidden(self.get("/login").text, "visit")
        return self.post("/login", {"password": password, "visit": visit})

    def send(self, path: str, on: str = "/deliveries", **fields: str) -> Answer:
        """Send a form of one page."""
        return self.post(path, {"token": hidden(self.get(on).text, "token"), **fields})

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if cookie:
            headers["Cookie"] = cookie
        connection.request(method, path, body or None, headers)
        got = connection.getresponse()
        for line in got.headers.get_all("Set-Cookie", []):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
        answer = Answer(got.status, {k.lower(): v for k, v in got.getheaders()}, got.read())
        connection.close()
        return answer


def hidden(page: str, name: str) -> str:
    """The value of a page's hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, page
    return found[1]


def password_of(server: Server) -> str:
    """The password that the server made."""
    return (server.folder / "data" / "password").read_text().strip()


def photo(folder: Path, name: str, color: str = "teal", side: int = 600, turned: int = 0) -> Path:
    """A photo in a file: its upper half is white. `turned` is its EXIF orientation."""
    image = Image.new("RGB", (side, side * 2 // 3), color)
    image.paste("white", (0, 0, side, side // 3))
    exif = Image.Exif()
    exif[0x0110] = "NX300"
    if turned:
        exif[0x0112] = turned
    data = io.BytesIO()
    image.save(data, "JPEG", quality=85, exif=exif)
    path = folder / name
    path.write_bytes(data.getvalue())
    return path


def landscape(folder: Path, name: str, sky: str, land: str) -> Path:
    """A photo that looks like one, for pictures of the page."""
    image = Image.new("RGB", (900, 600), sky)
    drawing = ImageDraw.Draw(image)
    drawing.ellipse((640, 90, 740, 190), fill="#fff3d0")
    for height, share in ((330, 0.45), (400, 0.7), (480, 1.0)):
        ridge = [(x, height + 40 * math.sin(x / 110 + height)) for x in range(0, 901, 10)]
        blend = Image.blend(Image.new("RGB", (1, 1), sky), Image.new("RGB", (1, 1), land), share)
        drawing.polygon([(0, 600), *ridge, (900, 600)], fill=blend.getpixel((0, 0)))
    exif = Image.Exif()
    exif[0x0110] = "NX300"
    path = folder / name
    image.save(path, "JPEG", quality=85, exif=exif)
    return path


def send(server: Server, path: Path, *to: str, text: str = "", site: str = "") -> None:
    """Be an NX300, and send a photo by e-mail or to a site."""
    shot = Shot([path], "Camera@samsungcamera.com", to or ("photos@example.org",), text)
    camera = Camera(find_model("NX300"), ("127.0.0.1", server.port))
    if site:
        camera.share(site, shot, lambda sent: None)
    else:
        camera.email(shot, lambda sent: None)
