"""Cameras that cost as little as possible, so that the server is what is measured."""

import socket
import threading
import time
from collections.abc import Sequence

from shutterpost.simulator import social
from shutterpost.simulator.exchange import exchange

PIECE = bytes(1_000_000)
_BOUNDARY = "---------------------------7d93b9550d4a"
SENDER = "Camera@samsungcamera.com"


class Request:
    """A head, and zeroes as long as it says."""

    def __init__(self, head: str, size: int, before: bytes = b"", after: bytes = b"") -> None:
        self.data = head.encode() + before
        self.size = size
        self.after = after

    def send(self, port: int) -> float:
        """Send it; returns the seconds from connecting to the whole answer."""
        begun = time.perf_counter()
        with socket.create_connection(("127.0.0.1", port), 120) as sock:
            sock.sendall(self.data)
            missing = self.size
            while missing:
                missing -= sock.send(PIECE[:missing] if missing < len(PIECE) else PIECE)
            sock.sendall(self.after)
            answer = b""
            while piece := sock.recv(65536):
                answer += piece
        if answer[9:12] not in (b"200", b"201"):
            raise SystemExit(f"the server answered {answer!r}")
        return time.perf_counter() - begun


def put(target: str, size: int) -> Request:
    """A PUT as a camera sends it."""
    return Request(
        f"PUT {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/pjpeg\r\n"
        f"Content-Length: {size}\r\n\r\n",
        size,
    )


def announced(port: int, names: Sequence[str]) -> list[str]:
    """Log in and announce files; returns where each is to be put."""
    from pathlib import Path

    to = ("127.0.0.1", port)
    head, body = social.login("facebook", SENDER, "p")
    session = social.found(exchange(to, head, [body]), 'SessionKey="')
    found = []
    for name in names:
        head, body = social.announcement("facebook", session, "NX300", Path(name), "")
        found.append("/" + social.found(exchange(to, head, [body]), 'ResourceID="'))
    return found


def email(photos: int, size: int, mark: str) -> Request:
    """An e-mail with photos of some bytes each; what differs is its text."""

    def part(name: str, file: str) -> bytes:
        return (
            f"--{_BOUNDARY}\r\n"
            f'content-disposition: form-data; name="{name}"; fileName="{file}"\r\n\r\n'
        ).encode()

    message = (
        f"<email><sender>{SENDER}</sender><receiver>a@example.org</receiver>"
        f"<title>{mark}</title></email>\r\n"
    )
    start = part("message", "sample.txt") + message.encode()
    photo = bytes(size) + b"\r\n"
    middle = b"".join(part("binary", f"SAM_{n:04}.JPG") + photo for n in range(photos))
    end = f"--{_BOUNDARY}--\r\n".encode()
    length = len(start) + len(middle) + len(end)
    head = (
        "POST /social/columbus/email HTTP/1.0\r\n"
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    )
    return Request(head, 0, start, middle + end)


def all_at_once(port: int, requests: Sequence[Request]) -> float:
    """Send all at the same time; returns the seconds until the last answer."""
    ready = threading.Barrier(len(requests) + 1)
    failed: list[BaseException] = []

    def send(request: Request) -> None:
        ready.wait()
        try:
            request.send(port)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=send, args=(request,)) for request in requests]
    for thread in threads:
        thread.start()
    ready.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    if failed:
        raise SystemExit(f"{len(failed)} of {len(requests)} failed: {failed[0]}")
    return time.perf_counter() - begun
