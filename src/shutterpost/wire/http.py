"""A forgiving reader of HTTP/1.x request heads.

Holds what a request's head means. Promises the same result for every
split of the input, and a `Refused` for everything it cannot or must not read. It is
lenient where cameras are sloppy (see `quirks`), strict where two readers could
disagree about where a request ends. It does not know what any request is for.
"""

import re
from dataclasses import dataclass

from shutterpost.wire.text import decoded, url_text

HEAD_LIMIT = 64 * 1024
"""The most bytes a request's head may have, blank lines before it included."""
FIELD_LIMIT = 200
"""The most header fields a request may have."""
METHODS = ("GET", "HEAD", "POST", "PUT")

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_SLASHES = re.compile(rb"//+")
_END_OF_HEAD = re.compile(rb"\n\r?\n")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_NON_ASCII = re.compile(rb"[\x80-\xff]")
_VERSION = re.compile(rb"HTTP/([0-9])\.([0-9])")
_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?]*)(.*)", re.DOTALL)
_AUTHORITY = re.compile(rb"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")
_LENGTH = re.compile(r"[0-9]{1,18}")
_FRAMING = ("content-length", "transfer-encoding")
"""Fields that say where a request ends: read strictly, so that nobody reads another end."""


class Refused(Exception):
    """A request that is not served: the status for the camera, the reason for people."""

    def __init__(self, status: int, why: str, fields: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(status, why)
        self.status = status
        self.why = why
        self.fields = fields


@dataclass(frozen=True, slots=True)
class Request:
    """One request's head.

    `path` and `query` are as they were sent (not percent-decoded), bytes that are not
    UTF-8 or that are control characters percent-encoded, slashes in a row as one. `host`
    is in lower case, without port and trailing dot, empty when the request names none.
    `length` is the body's size in bytes, None when the body is chunked.
    """

    method: str
    path: str
    query: str
    host: str
    version: tuple[int, int]
    fields: tuple[tuple[str, str], ...]
    length: int | None
    quirks: frozenset[str]

    def values(self, name: str) -> list[str]:
        """All values of one header field (name in any case), in order."""
        wanted = name.lower()
        return [value for field, value in self.fields if field.lower() == wanted]

    def value(self, name: str) -> str:
        """The first value of a header field, or an empty string."""
        return next(iter(self.values(name)), "")

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for `100 Continue` (which HTTP/1.0 does not have)."""
        expectations = (value.lower() for value in self.values("Expect"))
        return self.version >= (1, 1) and "100-continue" in expectations


class HeadReader:
    """Collects a request's head from any number of pieces."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._start: int | None = None  # where the request line begins
        self._scanned = 0

    @property
    def begun(self) -> bytes:
        """What has arrived of the head, for those who want to see why it was refused."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> tuple[Request, bytes] | None:
        """Take more bytes; once the head is complete, return it and the bytes after it.

        Raises Refused: 400 what cannot be read, 405 an unknown method, 411 no length,
        431 a head over the limits, 505 a version that is not HTTP/1.x.
        """
        self._buffer += data
        if self._start is None and not self._skip_blank_lines():
            self._check_limit()
            return None
        assert self._start is not None
        end = _END_OF_HEAD.search(self._buffer, max(self._start, self._scanned - 3))
        self._scanned = len(self._buffer)
        if end is None or end.end() > HEAD_LIMIT:
            self._check_limit()
            return None
        head = bytes(self._buffer[self._start : end.start() + 1])
        request = _parse_head(head, blank_before=self._start > 0)
        return request, bytes(self._buffer[end.end() :])

    def end(self) -> None:
        """The client sends no more. Raises Refused (400) if it had begun a request."""
        if self._buffer:
            raise Refused(400, "the request's head was cut short")

    def _skip_blank_lines(self) -> bool:
        """Find the request line; False while nothing but blank lines has arrived."""
        start = len(self._buffer) - len(self._buffer.lstrip(b"\r\n"))
        if start == len(self._buffer):
            return False
        if self._buffer[start] < 0x20:  # a TLS handshake begins with 0x16
            raise Refused(400, "this is no HTTP request (TLS? this door speaks plain HTTP)")
        self._start = start
        return True

    def _check_limit(self) -> None:
        if len(self._buffer) > HEAD_LIMIT:
            raise Refused(431, f"the request's head is over {HEAD_LIMIT} bytes")


def _parse_head(head: bytes, blank_before: bool) -> Request:
    """Read a whole head: lines that each end in LF, without the empty one."""
    lines = head.split(b"\n")[:-1]
    quirks = {"blank-before-request"} if blank_before else set()
    if not all(line.endswith(b"\r") for line in lines):
        quirks.add("bare-lf")
    lines = [line.removesuffix(b"\r") for line in lines]
    method, target, version = _request_line(lines[0], quirks)
    fields = _fields(lines[1:], quirks)
    if method not in METHODS:
        allow = ", ".join(METHODS)
        raise Refused(405, f"method {method} is not known", (("Allow", allow),))
    authority, path = _split_target(target, quirks)
    if authority is None:
        authority = _host_field(fields, quirks)
    path, _, query = path.partition(b"?")
    if _SLASHES.search(path):
        quirks.add("several-slashes")
        path = _SLASHES.sub(b"/", path)
    return Request(
        method=method,
        path=url_text(path),
        query=url_text(query),
        host=_host_name(authority),
        version=version,
        fields=fields,
        length=_body_length(method, version, fields, quirks),
        quirks=frozenset(quirks),
    )


def _request_line(line: bytes, quirks: set[str]) -> tuple[str, bytes, tuple[int, int]]:
    """Method, target and version.

    The method is the first word and the version the last; all between is the target,
    because cameras put file names into it as they are.
    """
    token = _TOKEN.match(line)
    if token is None or line[token.end() : token.end() + 1] not in (b" ", b"\t"):
        raise Refused(400, "the request line has no method")
    rest = line[token.end() :].strip(b" \t\x00")
    last = max(rest.rfind(b" "), rest.rfind(b"\t"))
    version = _VERSION.fullmatch(rest[last + 1 :])
    target = rest[: last + 1].strip(b" \t")
    if version is None or not target:
        raise Refused(400, "the request line is not 'METHOD target HTTP/1.x'")
    if version[1] != b"1":
        raise Refused(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")
    if _CONTROL.search(target):
        quirks.add("control-character")
    if line != b" ".join((token[0], target, version[0])):
        quirks.add("request-line-whitespace")
    if b" " in target or b"\t" in target:
        quirks.add("space-in-target")
    if _NON_ASCII.search(target):
        quirks.add("raw-bytes-in-target")
    method = token[0].decode("ascii")
    if not method.isupper():
        quirks.add("lower-case-method")
    return method.upper(), target, (1, int(version[2]))


def _split_target(target: bytes, quirks: set[str]) -> tuple[bytes | None, bytes]:
    """The authority (None in origin form) and the path with its query."""
    if target.startswith(b"/"):
        return None, target
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise Refused(400, "the request's target is neither a path nor an http URL")
    if not absolute[1]:
        raise Refused(400, "the request's target names no host")
    quirks.add("absolute-target")
    path = absolute[2]
    return absolute[1], path if path.startswith(b"/") else b"/" + path


def _fields(lines: list[bytes], quirks: set[str]) -> tuple[tuple[str, str], ...]:
    """The fields, folded lines unfolded; a line that is none is passed over.

    Raises Refused (400) if that could change where the request ends.
    """
    if len(lines) > FIELD_LIMIT:
        raise Refused(431, f"over {FIELD_LIMIT} header fields")
    fields: list[tuple[str, bytes]] = []
    goes_on = False  # a folded line would belong to a field
    for line in lines:
        name, colon, value = line.partition(b":")
        if line[:1] in (b" ", b"\t") and goes_on:
            _require_no_framing(fields[-1][0], "is folded")
            quirks.add("folded-field")
            fields[-1] = (fields[-1][0], fields[-1][1] + b" " + line.strip(b" \t"))
        elif goes_on := bool(colon and _TOKEN.fullmatch(name.rstrip(b" \t"))):
            fields.append((_field_name(name, quirks), value))
            if value and value[0] not in b" \t":
                quirks.add("no-space-after-colon")
        else:
            quirks.add("stray-line")
    if len({name.lower() for name, _ in fields}) < len(fields):
        quirks.add("repeated-field")
    return tuple((name, _field_value(name, value, quirks)) for name, value in fields)


def _field_name(sent: bytes, quirks: set[str]) -> str:
    name = sent.rstrip(b" \t").decode("ascii")
    if len(name) < len(sent):
        _require_no_framing(name, "has a space before its colon")
        quirks.add("space-before-colon")
    return name


def _field_value(name: str, sent: bytes, quirks: set[str]) -> str:
    if _CONTROL.search(sent):
        _require_no_framing(name, "holds a control character")
        quirks.add("control-character")
        sent = _CONTROL.sub(b" ", sent)
    return decoded(sent.strip(b" \t"))


def _require_no_framing(name: str, what: str) -> None:
    if name.lower() in _FRAMING:
        raise Refused(400, f"the {name} {what}")


def _values(fields: tuple[tuple[str, str], ...], name: str) -> list[str]:
    return [value for field, value in fields if field.lower() == name]


def _host_field(fields: tuple[tuple[str, str], ...], quirks: set[str]) -> bytes:
    """The first host that is one: nothing that a camera needs depends on it."""
    hosts = {value.lower(): value.encode() for value in _values(fields, "host")}
    if not hosts:
        quirks.add("no-host")
    if len(hosts) > 1:
        quirks.add("two-hosts")
    for host in hosts.values():
        if _AUTHORITY.fullmatch(host):
            return host
    if any(hosts):
        quirks.add("unreadable-host")
    return b""


def _host_name(authority: bytes) -> str:
    if not authority:
        return ""
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise Refused(400, "the host is not a host name")
    return match[1].decode("ascii").lower().removesuffix(".")


def _body_length(
    method: str, version: tuple[int, int], fields: tuple[tuple[str, str], ...], quirks: set[str]
) -> int | None:
    """Bytes in the body, or None for a chunked one."""
    codings = _values(fields, "transfer-encoding")
    lengths = _values(fields, "content-length")
    if codings:
        if lengths:
            raise Refused(400, "both Transfer-Encoding and Content-Length")
        if ",".join(codings).lower() != "chunked":
            raise Refused(400, "the only transfer coding read here is 'chunked'")
        if version < (1, 1):
            quirks.add("chunked-in-http-1.0")
        return None
    if not lengths:
        if method in ("POST", "PUT"):
            raise Refused(411, f"a {method} needs a Content-Length")
        return 0
    numbers = [part.strip(" \t") for value in lengths for part in value.split(",")]
    if not all(_LENGTH.fullmatch(number) for number in numbers):
        raise Refused(400, "the Content-Length is not a sensible number")
    if len({int(number) for number in numbers}) > 1:
        raise Refused(400, "two different Content-Lengths")
    if len(numbers) > 1:
        quirks.add("repeated-length")
    return int(numbers[0])
