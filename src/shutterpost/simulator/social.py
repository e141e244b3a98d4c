"""The social dialogue: the login of an NX300 (capture), announcement and upload (inferred)."""

import base64
import secrets
from pathlib import Path
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from shutterpost.simulator.exchange import Answer, NotSent

_HOST = "snsgw.samsungmobile.com"
_XML = '<?xml version="1.0" encoding="UTF-8"?>\r\n'
_VIDEO_SUFFIXES = (".mp4", ".mov", ".avi")


def login(site: str, account: str, password: str) -> tuple[str, bytes]:
    """Head and body of the login, its name and password encrypted as the NX300 does."""
    key = secrets.token_bytes(32)
    crypt_key = base64.b64encode(key).decode()
    body = (
        f'{_XML}<Request Method="login" Timeout="3000" '
        f'CameraCryptKey="{secrets.token_hex(128)}">\r\n'
        f'<UserName Value="{_encrypted(key, account)}"/>\r\n'
        f'<Password Value="{_encrypted(key, password)}"/>\r\n'
        '<PersistKey Use="true"/>\r\n'
        '4p4uaaq422af3"/>\r\n'
        '<SessionKey Type="APIF"/>\r\n'
        f'<CryptSessionKey Use="true" Type="SHA1" Value="{crypt_key}"/>\r\n'
        '<ApplicationKey Value="6a563c3967f147d3adfa454ef913535d0d109ba4b4584914"/>\r\n'
        "</Request>"
    ).encode()
    return _head("POST", f"http://{_HOST}/{site}/auth", len(body)), body


def announcement(site: str, session: str, model: str, path: Path, text: str) -> tuple[str, bytes]:
    """Head and body of the announcement of one file."""
    typed = text.replace("]]>", "]]]]><![CDATA[>")
    video = is_video(path)
    group = (
        '<Category Name="People" OwnerID="1"/>' if video else f"<Album Name={quoteattr(model)}/>"
    )
    kind = "Video" if video else "Photo"
    body = (
        f'{_XML}<Request Method="upload" Timeout="3000" SessionKey={quoteattr(session)}>\r\n'
        f"<{kind}>\r\n{group}\r\n<File Name={quoteattr(path.name)}/>\r\n"
        f"<Content><![CDATA[{typed}]]></Content>\r\n</{kind}>\r\n</Request>"
    ).encode("utf-8", "replace")
    return _head("POST", f"http://{_HOST}/{site}/{kind.lower()}", len(body)), body


def upload(host: str, resource: str, path: Path) -> str:
    """Head of the upload of one announced file."""
    media_type = "video/mp4" if is_video(path) else "image/pjpeg"
    return (
        f"PUT http://{host}/{resource} HTTP/1.1\r\nHost: {host}\r\n"
        f"Content-Type: {media_type}\r\nContent-Length: {path.stat().st_size}\r\n\r\n"
    )


def logout(site: str, session: str) -> tuple[str, bytes]:
    """Head and body of the logout."""
    body = f'{_XML}<Request Method="logout" SessionKey="{escape(session)}"/>'.encode()
    return _head("POST", f"http://{_HOST}/{site}/auth", len(body)), body


def is_video(path: Path) -> bool:
    """Whether a camera would send the file as a video."""
    return path.suffix.lower() in _VIDEO_SUFFIXES


def found(answer: Answer, start: str) -> str:
    """What stands between `start` and the next quote, as a camera finds it with strstr().

    Raises NotSent if the answer is not 200, or does not have it.
    """
    text = answer.body.decode("utf-8", "replace")
    if answer.status != 200 or start not in text:
        raise NotSent(f"the server answered {answer}")
    return text.partition(start)[2].partition('"')[0]


def _head(method: str, target: str, length: int) -> str:
    return f"{method} {target} HTTP/1.1\r\nHost: {_HOST}\r\nContent-Length: {length}\r\n\r\n"


def _encrypted(key: bytes, text: str) -> str:
    """URL-quoted base64 of AES-128-CBC, padded with NULs."""
    plain = text.encode()
    padded = plain + bytes(-len(plain) % 16)
    encryptor = Cipher(algorithms.AES128(key[:16]), modes.CBC(key[16:])).encryptor()
    data = encryptor.update(padded) + encryptor.finalize()
    return quote(base64.b64encode(data).decode(), safe="")
