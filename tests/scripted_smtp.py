"""An SMTP server on loopback that says, word for word, what it is told to."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

CLOSE = b""
"""Instead of an answer: end the connection."""
USUAL = {
    b"EHLO": b"250 hi\r\n",
    b"DATA": b"354 go\r\n",
    b"QUIT": b"221 bye\r\n",
}


@dataclass
class Script:
    """What is said: to a connection (""), to each command, and to a mail's end (b".")."""

    port: int = 0
    heard: list[bytes] = field(default_factory=list)


@contextmanager
def scripted(says: Mapping[bytes, bytes], closes_after: bytes = b"?") -> Iterator[Script]:
    """Run the server; each connection has a thread. Words may hold several replies."""
    listener = socket.create_server(("127.0.0.1", 0))
    script = Script(listener.getsockname()[1])

    def serve() -> None:
        with suppress(OSError):  # the listener is closed in the end
            while True:
                client, _ = listener.accept()
                threading.Thread(target=talk, args=(client,), daemon=True).start()

    def talk(client: socket.socket) -> None:
        with suppress(OSError), client:
            client.sendall(says.get(b"", b"220 hello\r\n"))
            if closes_after == b"":
                return
            in_data = False
            for line in client.makefile("rb"):
                if in_data and line != b".\r\n":
                    continue
                script.heard.append(line)
                word = b"." if in_data else line[:4].upper().strip()
                in_data = word == b"DATA" and says.get(word, b"354").startswith(b"354")
                answer = says.get(word, USUAL.get(word, b"250 ok\r\n"))
                if answer:
                    client.sendall(answer)
                if not answer or word == closes_after:
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield script
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
