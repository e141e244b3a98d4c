"""smtplib, with an end to what a server may say, and with its last words.

The standard library reads a reply for as long as the server goes on with it, and forgets
what a server said when it closes after that: `421 4.7.0 Try again later` and the end of
the connection became "Connection unexpectedly closed".
"""

import smtplib
import socket
import time

from shutterpost.wire.smtp import Reply, ReplyReader, ReplyTooLong

_PIECE = 8192
_LAST_WORDS = 1.0  # seconds to read what a server said before it closed


class Closed(smtplib.SMTPServerDisconnected):
    """The connection is at its end; `reply` is the refusal that the server closed after."""

    def __init__(self, why: str, reply: Reply | None = None) -> None:
        super().__init__(f"{why} after {reply}" if reply else why)
        self.reply = reply


class _Replies:
    """Reads replies from a socket. It stands where smtplib keeps its file of the socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._reader = ReplyReader()

    def next(self, seconds: float) -> Reply:
        """The next reply, all of which must come within `seconds`.

        Raises OSError, EOFError at the end of the connection, and ReplyTooLong.
        """
        end = time.monotonic() + seconds
        while (reply := self._reader.reply()) is None:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._sock.settimeout(left)
            try:
                piece = self._sock.recv(_PIECE)
            finally:
                if self._sock.fileno() >= 0:
                    self._sock.settimeout(seconds)
            self._reader.feed(piece or b"\r\n")
            if not piece:  # the last line may lack its end
                reply = self._reader.reply()
                if reply is None or reply.code < 0:
                    raise EOFError
                break
        return reply

    def close(self) -> None:
        """Nothing to do: smtplib closes the socket itself."""


class Client(smtplib.SMTP):
    """A connection whose replies are bounded in bytes (REPLY_LIMIT) and in time.

    A reply must be complete within the socket's time-out.
    """

    file: _Replies | None
    sock: socket.socket | None
    _refusal: Reply | None = None

    def getreply(self) -> tuple[int, bytes]:
        """The code and text of the next reply. Raises Closed."""
        reply = self.reply()
        return reply.code, "\n".join(reply.lines).encode()

    def reply(self) -> Reply:
        """The next reply. Raises Closed."""
        reply = self._next()
        self._refusal = reply if reply.code >= 400 else None
        return reply

    def ask(self, command: str) -> Reply:
        """The reply to a command. Raises Closed."""
        self.putcmd(command)
        return self.reply()

    def send(self, s: object) -> None:
        """Send text or bytes. Raises Closed."""
        data = s.encode(self.command_encoding) if isinstance(s, str) else s
        if self.sock is None:
            raise self._closed("the server closed the connection")
        try:
            self.sock.sendall(data)  # type: ignore[arg-type]  # as typeshed has it: any buffer
        except TimeoutError:
            self.close()
            raise Closed("the server took no more bytes in time") from None
        except OSError:
            self._hear_last_words()
            self.close()
            raise self._closed("the server closed the connection") from None

    def _next(self) -> Reply:
        if self.sock is None:
            raise self._closed("the server closed the connection")
        if self.file is None:
            self.file = _Replies(self.sock)
        try:
            return self.file.next(self.sock.gettimeout() or 0.0)
        except ReplyTooLong:
            self.close()
            raise Closed("the server's reply goes on and on") from None
        except TimeoutError:
            self.close()
            raise Closed("the server did not answer in time") from None
        except (OSError, EOFError):
            self.close()
            raise self._closed("the server closed the connection") from None

    def _hear_last_words(self) -> None:
        """Read what came before the connection broke, if anything did."""
        assert self.sock is not None
        try:
            if self.file is None:
                self.file = _Replies(self.sock)
            reply = self.file.next(_LAST_WORDS)
        except (OSError, EOFError, ReplyTooLong):
            return  # then there are none, and that it broke is told
        self._refusal = reply if reply.code >= 400 else None

    def _closed(self, why: str) -> Closed:
        return Closed(why, self._refusal)


class TlsClient(Client, smtplib.SMTP_SSL):
    """The same with TLS from the first byte."""
