"""The ledger of leniencies: every way a request may break a rule and still be read.

A quirk that is not in this table does not exist: parsers report names from here, the
camera door logs them with the request and counts them. Each entry says what is let
through, who does it, and how we know (the words capture, proven, android, listed and
inferred are those of docs/protocol.md).
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quirk:
    """One named leniency."""

    name: str
    lets_through: str
    evidence: str
    cameras: str = ""


_LEDGER = (
    Quirk(
        "blank-before-request",
        "one or more empty lines before the request line",
        "RFC 9112 section 2.2 asks servers to skip them",
    ),
    Quirk(
        "request-line-whitespace",
        "tabs or several spaces between the parts of the request line, or any after it",
        "capture: POST /social/columbus/email?DUID=123456789033  HTTP/1.0",
        "NX300",
    ),
    Quirk(
        "absolute-target",
        "an absolute-form target sent to a server that is no proxy; its host beats Host",
        "capture: POST http://snsgw.samsungmobile.com/facebook/auth HTTP/1.1",
        "NX300",
    ),
    Quirk(
        "space-in-target",
        "spaces or tabs inside the target",
        "inferred: file names are put in the PUT target as the camera has them",
    ),
    Quirk(
        "raw-bytes-in-target",
        "non-ASCII bytes in the target that are not percent-encoded",
        "inferred: file names are put in the PUT target as the camera has them",
    ),
    Quirk(
        "bare-lf",
        "lines that end in LF alone",
        "RFC 9112 section 2.2 allows servers to read them; old HTTP stacks sent them",
    ),
    Quirk(
        "no-space-after-colon",
        "a header field without a space after the colon",
        "capture: Authorization:OAuth ..., x-osp-version:v1",
        "NX300",
    ),
    Quirk(
        "repeated-field",
        "the same header field twice where HTTP allows it once",
        "capture: two different User-Agent fields in one request",
        "NX300",
    ),
    Quirk(
        "space-before-colon",
        "a header field with a space before the colon, but for those that frame the body",
        "proven to be accepted by the reference; no camera seen doing it",
    ),
    Quirk(
        "folded-field",
        "a header field that goes on in the next line, but for those that frame the body",
        "proven to be accepted by the reference; no camera seen doing it",
    ),
    Quirk(
        "stray-line",
        "a line among the header fields that is none; it is passed over",
        "none seen; the request can be read without it",
    ),
    Quirk(
        "control-character",
        "NUL and its like in the target or in a field, but for those that frame the body",
        "none seen; a buffer sent with its end would do it",
    ),
    Quirk(
        "lower-case-method",
        "a method in lower case",
        "none seen; nothing else could be meant",
    ),
    Quirk(
        "several-slashes",
        "several slashes in a row in the path; they count as one",
        "proven to be accepted by the reference (POST //facebook/auth); no camera seen doing it",
    ),
    Quirk(
        "two-hosts",
        "two different Host fields; the first that is a host name counts",
        "none seen; nothing that a camera needs depends on it",
    ),
    Quirk(
        "unreadable-host",
        "a Host field that is no host name",
        "none seen; nothing that a camera needs depends on it",
    ),
    Quirk(
        "repeated-length",
        "Content-Length more than once with the same value",
        "RFC 9110 section 8.6 allows servers to read it",
    ),
    Quirk(
        "no-host",
        "no Host field and no host in the target",
        "HTTP/1.0 has no Host; nothing that a camera needs depends on it",
    ),
    Quirk(
        "chunked-in-http-1.0",
        "a chunked body in an HTTP/1.0 request",
        "none seen; harmless here, because every connection closes after one request",
    ),
    Quirk(
        "multipart-not-closed",
        "a multipart body without its close-delimiter",
        "capture: a plain delimiter is the end (its CRLF is inferred); other ends were not seen",
        "NX300",
    ),
    Quirk(
        "multipart-cut-delimiter",
        "a multipart body whose last delimiter is cut short",
        "inferred from the missing close-delimiter: the camera miscounts the end",
    ),
    Quirk(
        "multipart-stray-line",
        "a line in a part's header that is not a field",
        "none seen; the part can be read without it",
    ),
    Quirk(
        "unreadable-receiver",
        "an e-mail one of whose receivers is no address; the others get it",
        "inferred: people type addresses on a camera's screen",
    ),
    Quirk(
        "several-receivers",
        "several addresses in one receiver, with commas or semicolons between them",
        "inferred: people type addresses on a camera's screen",
    ),
    Quirk(
        "unannounced-file",
        "a PUT in a live session under a name that the session did not announce",
        "proven: the reference takes any name in a live session; no camera seen doing it",
    ),
    Quirk(
        "cut-photo",
        "a JPEG without its end; it is stored and marked",
        "none seen; half a photo is better than none",
    ),
    Quirk(
        "undeclared-encoding",
        "a message that is neither UTF-8 nor says what it is: read as CP949, else Latin-1",
        "inferred: Korean firmware before UTF-8; language_sh100_utf8 names what came after",
    ),
    Quirk(
        "broken-xml",
        "XML that is not well-formed, read as far as its fields can be found",
        "capture: stray text between the elements of a login",
        "NX300",
    ),
)

QUIRKS: dict[str, Quirk] = {quirk.name: quirk for quirk in _LEDGER}


class Sightings:
    """How often each quirk was seen since the start."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(QUIRKS, 0)

    def count(self, names: Iterable[str]) -> None:
        """Add one for each name. Raises KeyError for a name that is not in the ledger."""
        for name in names:
            self._counts[name] += 1

    def counts(self) -> dict[str, int]:
        """The sightings so far, by name."""
        return dict(self._counts)
