"""Multipart bodies whose end nobody can rely on.

Holds a reader that finds parts in a body arriving in pieces. Promises that every byte
of a part comes out exactly once and in order for any split of the input, and that the
work per byte is one `bytes.find`. Cameras leave the close-delimiter out, or cut it
short (docs/protocol.md, section 1): what then counts as the end is decided in `end`.
It does not know what the parts are for.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from shutterpost.wire.http import Refused
from shutterpost.wire.text import decoded

PART_HEAD_LIMIT = 16 * 1024
"""The most bytes the header fields of one part may have."""
BOUNDARY_LIMIT = 200
"""The most characters a boundary may have (RFC 2046 allows 70)."""

_PADDING = rb"[ \t]{0,32}"
# What may follow CRLF "--" boundary. Anything else means that it was none, and is data.
_NEXT_PART = re.compile(_PADDING + rb"\r?\n")
_CLOSE = re.compile(rb"--" + _PADDING + rb"\r?\n")
_UNDECIDED = re.compile(rb"-|(?:--)?" + _PADDING + rb"\r?")
_EMPTY_LINE = re.compile(rb"\r?\n")
_LINE_AND_EMPTY_LINE = re.compile(rb"\n\r?\n")

_EXTENDED = re.compile(r"([\w.:-]*)'[\w-]*'(.*)", re.DOTALL)
_CHARSETS = {"iso-8859-1": "latin-1", "euc-kr": "cp949", "ks_c_5601-1987": "cp949"}
_PARAMETER = re.compile(r""";\s*([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Part:
    """The head of a part: its fields, names in lower case."""

    fields: dict[str, str] = field(default_factory=dict)

    def parameter(self, name: str) -> str:
        """A parameter of Content-Disposition, its name in any case (`fileName`: capture)."""
        return parameters(self.fields.get("content-disposition", "")).get(name, "")

    @property
    def media_type(self) -> str:
        """The Content-Type in lower case, without parameters (`image/jpeg;`: capture)."""
        return self.fields.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Data:
    """Some of the current part's bytes."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PartEnd:
    """The current part is complete."""


Event = Part | Data | PartEnd


def parameters(value: str) -> dict[str, str]:
    """The parameters of a header field's value, names in lower case.

    `filename*=UTF-8''...` (RFC 8187) is the `filename`, whatever else says it.
    """
    found = {}
    extended = {}
    for sent, quoted, plain in _PARAMETER.findall(value):
        name, text = sent.lower(), re.sub(r'\\(["\\])', r"\1", quoted) or plain
        if name.endswith("*"):
            extended[name[:-1]] = _extended(text)
        else:
            found[name] = text
    return found | extended


def _extended(text: str) -> str:
    """A value with its charset and language before it; in any charset if it has none."""
    parts = _EXTENDED.fullmatch(text)
    charset, encoded = parts.groups() if parts else ("", text)
    data = unquote_to_bytes(encoded)
    charset = charset.lower()
    try:
        return data.decode(_CHARSETS[charset])
    except (KeyError, UnicodeDecodeError):
        return decoded(data)


def boundary(content_type: str) -> bytes:
    """The boundary that a multipart Content-Type names. Raises Refused (400) if none."""
    media_type = content_type.partition(";")[0].strip().lower()
    text = parameters(content_type).get("boundary", "")
    if not media_type.startswith("multipart/") or not text:
        raise Refused(400, "the body is not multipart/form-data with a boundary")
    encoded = text.encode()
    if len(encoded) > BOUNDARY_LIMIT:
        raise Refused(400, f"the multipart boundary is over {BOUNDARY_LIMIT} bytes")
    return encoded


class Multipart:
    """Reads one multipart body. `feed` it in any pieces, then call `end` once."""

    def __init__(self, boundary: bytes) -> None:
        # The first delimiter lacks the line end that belongs to all others: lend it one.
        self._held = b"\n"
        self._delimiter = b"\n--" + boundary
        self._lines_end: bytes | None = None  # in CRLF, unless there was none in the first head
        self._has_crlf = False
        self._state = "preamble"
        self.quirks: set[str] = set()

    def feed(self, data: bytes) -> Iterator[Event]:
        """Take more of the body. Raises Refused (400) if a part's head is too long."""
        data = self._held + data if self._held else data
        position = 0
        while self._state != "epilogue":
            if self._state == "head":
                head_end, data_start = _part_head(data, position)
                if not data_start:
                    break
                head = data[position:head_end]
                self._note_lines(data[position:data_start])
                yield Part(_part_fields(head, self.quirks))
                self._state, position = "data", data_start
                continue
            stop, after, following = self._delimiter_in(data, position)
            if self._state == "data" and stop > position:
                yield Data(data[position:stop])
            position = after
            if not following:
                break
            if self._state == "data":
                yield PartEnd()
            self._state = following
        self._held = b"" if self._state == "epilogue" else data[position:]

    def end(self) -> Iterator[Event]:
        """The body ended. Raises Refused (400) if it holds no part or half a part's head.

        What was held back because it could have become a delimiter is taken for one if
        it is at least its CRLF, so a camera that stops anywhere in the last delimiter
        adds nothing to its photo. Its first byte alone is the photo's own.
        """
        if self._state == "preamble":
            raise Refused(400, "the multipart body has no part")
        if self._state == "head" and self._held.strip():
            raise Refused(400, "the multipart body ends inside a part's header")
        if self._state == "data":
            if self._held == self._delimiter[:1]:
                yield Data(self._held)
            elif self._held and len(self._held) < len(self._delimiter):
                self.quirks.add("multipart-cut-delimiter")
            yield PartEnd()
        if self._state != "epilogue" and not self._held.startswith(self._delimiter + b"--"):
            self.quirks.add("multipart-not-closed")

    def _note_lines(self, lines: bytes) -> None:
        """Find out how lines end: in a body without any CRLF the delimiters' is a LF, too."""
        if lines.count(b"\n") != lines.count(b"\r\n"):
            self.quirks.add("bare-lf")
        self._has_crlf |= b"\r\n" in lines
        if self._state == "head" and self._lines_end is None:
            self._lines_end = b"\r\n" if self._has_crlf else b"\n"
            self._delimiter = self._lines_end + self._delimiter.removeprefix(b"\n")

    def _delimiter_in(self, data: bytes, start: int) -> tuple[int, int, str]:
        """Where the data stops, where to go on, and the state that follows there.

        No state means that more input is needed: what could be (part of) a delimiter
        then begins where the data stops.
        """
        search = start
        while (at := data.find(self._delimiter, search)) >= 0:
            search = at + len(self._delimiter)
            if following := _NEXT_PART.match(data, search) or _CLOSE.match(data, search):
                self._note_lines(following[0])
                state = "epilogue" if following[0].startswith(b"-") else "head"
                return at, following.end(), state
            if _UNDECIDED.fullmatch(data, search):
                return at, at, ""
            # a look-alike: the boundary goes on, so it is the photo's own
        # Only the last CR (or LF) can begin a delimiter: a boundary holds none.
        at = data.rfind(self._delimiter[:1], max(search, len(data) - len(self._delimiter) + 1))
        if at < 0 or not self._delimiter.startswith(data[at:]):
            at = len(data)
        return at, at, ""


def _part_head(data: bytes, start: int) -> tuple[int, int]:
    """Where the part's head ends and its data begins; zeros while it is incomplete."""
    if empty := _EMPTY_LINE.match(data, start):
        return start, empty.end()
    end = _LINE_AND_EMPTY_LINE.search(data, start)
    if (end.end() if end else len(data)) - start > PART_HEAD_LIMIT:
        raise Refused(400, f"a part's header is over {PART_HEAD_LIMIT} bytes")
    return (end.start(), end.end()) if end else (0, 0)


def _part_fields(head: bytes, quirks: set[str]) -> dict[str, str]:
    """The fields of a part's head; lines that are none are passed over."""
    fields: dict[str, list[str]] = {}
    name = ""
    for line in decoded(head).split("\n"):
        if name and line[:1] in (" ", "\t"):
            fields[name].append(line.strip())
            continue
        name, colon, value = line.partition(":")
        name = name.strip().lower() if colon else ""
        if name:
            fields.setdefault(name, [value.strip()])
        elif line.strip():
            quirks.add("multipart-stray-line")
    return {name: " ".join(lines) for name, lines in fields.items()}
