"""What an upload costs at least: socket to file, SHA-256, fsync, and nothing else.

Run as `python -m bench.bare PORT FOLDER`. One thread per connection, one buffer per
thread; a body's bytes are copied by the kernel alone.
"""

import hashlib
import os
import secrets
import socket
import sys
import threading
from pathlib import Path

_BUFFER = 256 * 1024


def main(port: int, folder: Path) -> None:
    """Serve until killed."""
    listener = socket.create_server(("127.0.0.1", port), backlog=512)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=_serve, args=(sock, folder), daemon=True).start()


def _serve(sock: socket.socket, folder: Path) -> None:
    with sock:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (piece := sock.recv(_BUFFER)):
                return
            head += piece
        fields, _, body = head.partition(b"\r\n\r\n")
        length = int(fields.partition(b"Content-Length: ")[2].split(b"\r\n")[0] or 0)
        if length:
            _copy(sock, body, length, folder)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def _copy(sock: socket.socket, body: bytes, length: int, folder: Path) -> None:
    name = secrets.token_hex(16)
    digest = hashlib.sha256(body)
    file = os.open(folder / f".{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    _write(file, body)
    missing = length - len(body)
    buffer = memoryview(bytearray(_BUFFER))
    while missing and (size := sock.recv_into(buffer)):
        digest.update(buffer[:size])
        _write(file, buffer[:size])
        missing -= size
    os.fsync(file)
    os.close(file)
    os.rename(folder / f".{name}", folder / name)
    inside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(inside)
    os.close(inside)


def _write(file: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
