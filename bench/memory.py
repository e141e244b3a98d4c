"""How much memory the server has idle, and what an upload adds."""

import socket

from bench.serving import Serving, serving

VIDEO = 500_000_000
PIECE = bytes(1_000_000)
_BOUNDARY = "---------------------------7d93b9550d4a"


def run() -> None:
    """Print idle memory, and the peak of a 500 MB video sent by e-mail."""
    with serving() as server:
        idle = server.memory("VmRSS")
        _send_video(server)
        peak = server.memory("VmHWM")
    print(f"idle memory             {idle:.0f} MiB")
    print(f"peak, 500 MB by e-mail  {peak:.0f} MiB  idle + {peak - idle:.0f} MiB")


def _send_video(server: Serving) -> None:
    message = "<email><sender>Camera@samsungcamera.com</sender><receiver>a@b.cd</receiver></email>"
    parts = (("message", "sample.txt", message + "\r\n"), ("binary", "SAM_0001.MP4", ""))
    start = "".join(
        f"--{_BOUNDARY}\r\n"
        f'content-disposition: form-data; name="{name}"; fileName="{file}"\r\n\r\n{data}'
        for name, file, data in parts
    ).encode()
    head = (
        "POST /social/columbus/email  HTTP/1.0\r\n"
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n"
        f"Content-Length: {len(start) + VIDEO}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.sendall(head.encode() + start)
        for _ in range(VIDEO // len(PIECE)):
            sock.sendall(PIECE)
        if b"succ" not in sock.recv(4096):
            raise SystemExit("the server did not take the video")
