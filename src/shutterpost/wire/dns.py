"""DNS: a query, our names and an address make an answer. Pure.

Read and written here and not by a library, because a general reader follows pointers,
options and records that no query for our names holds, and strangers choose how many: with
dnspython a message of 1,389 bytes took 0.4 s, one of 63 KB 18 s (measured). What is read is
one question, spelt out, and at most an OPT record, in `QUERY_LIMIT` bytes; RFC 1035, 4.1 and
RFC 6891, 6.1.

Promises to answer nothing that is no query, and never with more than one address: there is
nothing here to amplify. It does not know who may ask, nor how other names are looked up.
"""

import ipaddress
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import IntEnum, IntFlag

QUERY_LIMIT = 1232
"""The most bytes of a query; a question has at most 259, the rest is options."""
TTL = 60
"""Seconds that an answer may be kept."""
UDP_SIZE = 1232
"""The payload size we tell in EDNS; it crosses every network in one piece."""

_HEADER = struct.Struct("!2s5H")  # id, flags, and how many of each section
_NAME_LIMIT = 255
_LABEL_LIMIT = 63
_OPT = struct.Struct("!BHHBBHH")  # root, type, payload, extended code, version, flags, length
_POINTER_TO_QUESTION = b"\xc0\x0c"
_COOKIE = 10
_DNSSEC_OK = 0x8000


class Flag(IntFlag):
    """Of the header."""

    QR = 0x8000
    AA = 0x0400
    TC = 0x0200
    RD = 0x0100
    RA = 0x0080
    OPCODE = 0x7800


class Code(IntEnum):
    """How a query ended."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NOTIMP = 4
    REFUSED = 5
    BADVERS = 16


class Type(IntEnum):
    """Record types that are told apart."""

    A = 1
    OPT = 41
    ANY = 255


_IN = 1  # the only class there is today


@dataclass(frozen=True, slots=True)
class Edns:
    """What an OPT record says. `cookie` is a client's, with ours or without; else empty."""

    payload: int
    version: int
    dnssec_ok: bool
    cookie: bytes


@dataclass(frozen=True, slots=True)
class Query:
    """One question. `question` are its bytes as they were sent, `name` those in lower case."""

    number: bytes
    flags: int
    question: bytes
    name: bytes
    kind: int
    record_class: int
    edns: Edns | None

    @property
    def cookie(self) -> bytes:
        """The cookie that came with it (RFC 7873), or nothing."""
        return self.edns.cookie if self.edns else b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send back, and which of our names was asked for (empty for others)."""

    wire: bytes
    name: str = ""


@dataclass(frozen=True, slots=True)
class Forward:
    """A query for another name, to be asked elsewhere without its EDNS options."""

    query: Query

    def wire(self, number: bytes) -> bytes:
        """The query to send, under a number of its own."""
        edns = self.query.edns
        opt = b""
        if edns:
            flags = _DNSSEC_OK if edns.dnssec_ok else 0
            opt = _OPT.pack(0, Type.OPT, edns.payload, 0, 0, flags, 0)
        flags = self.query.flags & ~(Flag.QR | Flag.AA | Flag.TC | Flag.RA)
        head = _HEADER.pack(number, flags, 1, 0, 0, 1 if edns else 0)
        return head + self.query.question + opt

    def answered(self, number: bytes, wire: bytes) -> bytes | None:
        """An upstream's answer under the query's own number; None if it is not to this query.

        A forged one has to guess the number, the port, and the question's letters.
        """
        asked = self.query.question
        is_answer = len(wire) > _HEADER.size and wire[2] & 0x80
        if not is_answer or wire[:2] != number or wire[4:6] != b"\0\1":
            return None
        if wire[_HEADER.size : _HEADER.size + len(asked)] != asked:
            return None
        return self.query.number + wire[2:]


def read(wire: bytes) -> Query | Answer | None:
    """A query; the refusal that another kind of message gets; None for silence.

    Each of at most `QUERY_LIMIT` bytes is looked at once.
    """
    if len(wire) < _HEADER.size:
        return None
    number, flags, questions, answers, authorities, more = _HEADER.unpack_from(wire)
    if flags & Flag.QR:  # an answer, perhaps to a forged question
        return None
    if flags & Flag.OPCODE:
        return _bare(number, flags, Code.NOTIMP)
    name_end = _name_end(wire)
    end = name_end + 4
    is_one_question = (questions, answers, authorities) == (1, 0, 0) and name_end
    if not is_one_question or not end <= len(wire) <= QUERY_LIMIT:
        return _bare(number, flags, Code.FORMERR)
    edns = _edns(wire[end:]) if more == 1 else None
    if (edns is None) if more else len(wire) > end:
        return _bare(number, flags, Code.FORMERR)
    name = wire[_HEADER.size : name_end].lower()  # the labels' lengths are no letters
    kind, record_class = struct.unpack_from("!HH", wire, name_end)
    question = wire[_HEADER.size : end]
    return Query(number, flags, question, name, kind, record_class, edns)


class Responder:
    """Answers for a set of names."""

    def __init__(self, names: Collection[str], forwards: bool) -> None:
        """`forwards` says whether other names are forwarded, or refused."""
        self._names = {_name(name): name for name in names}
        self._forwards = forwards

    def answer(self, query: Query, address: str, cookie: bytes = b"") -> Answer | Forward:
        """The answer to a query, our names being at `address` (IPv4).

        `cookie` is the whole one to answer with, if the query brought one.
        """
        if query.edns and query.edns.version > 0:
            return self._reply(query, Code.BADVERS, cookie)
        if query.record_class != _IN or query.kind == Type.ANY:
            return self._reply(query, Code.REFUSED, cookie)
        ours = self._names.get(query.name)
        if ours is None:
            return Forward(query) if self._forwards else self._reply(query, Code.REFUSED, cookie)
        if query.kind != Type.A:  # of other types there is nothing
            return self._reply(query, Code.NOERROR, cookie, Flag.AA, name=ours)
        # the name as it was asked: resolvers vary its case and want it back (0x20)
        packed = ipaddress.IPv4Address(address).packed
        record = _POINTER_TO_QUESTION + struct.pack("!HHIH", Type.A, _IN, TTL, 4) + packed
        return self._reply(query, Code.NOERROR, cookie, Flag.AA, record, ours)

    def cut(self, query: Query, cookie: bytes = b"") -> Answer:
        """Asks the client to come by TCP, which nobody can forge."""
        return self._reply(query, Code.NOERROR, cookie, Flag.TC)

    def failure(self, query: Query) -> Answer:
        """The answer to a query that could not be forwarded."""
        return self._reply(query, Code.SERVFAIL, b"")

    def _reply(
        self,
        query: Query,
        code: Code,
        cookie: bytes,
        flags: int = 0,
        record: bytes = b"",
        name: str = "",
    ) -> Answer:
        flags |= Flag.QR | (query.flags & Flag.RD) | (Flag.RA if self._forwards else 0)
        opt = b""
        if query.edns:
            options = struct.pack("!HH", _COOKIE, len(cookie)) + cookie if cookie else b""
            dnssec_ok = _DNSSEC_OK if query.edns.dnssec_ok else 0
            opt = _OPT.pack(0, Type.OPT, UDP_SIZE, code >> 4, 0, dnssec_ok, len(options)) + options
        head = _HEADER.pack(
            query.number, flags | (code & 15), 1, 1 if record else 0, 0, 1 if opt else 0
        )
        return Answer(head + query.question + record + opt, name)


def _bare(number: bytes, flags: int, code: Code) -> Answer:
    """A refusal without the question, which may be none."""
    kept = flags & (Flag.OPCODE | Flag.RD)
    return Answer(_HEADER.pack(number, Flag.QR | kept | code, 0, 0, 0, 0))


def _name(text: str) -> bytes:
    labels = text.lower().encode("ascii").split(b".")
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def _name_end(wire: bytes) -> int:
    """Where the question's name ends; 0 if it is cut short, too long, or has a pointer."""
    at = _HEADER.size
    while at < len(wire) and wire[at]:
        if wire[at] > _LABEL_LIMIT:
            return 0
        at += 1 + wire[at]
    return at + 1 if at < len(wire) and at + 1 - _HEADER.size <= _NAME_LIMIT else 0


def _edns(record: bytes) -> Edns | None:
    """What an OPT record says; None for any other, and for more than one."""
    if len(record) < _OPT.size:
        return None
    root, kind, payload, _, version, flags, length = _OPT.unpack_from(record)
    options = record[_OPT.size :]
    if root or kind != Type.OPT or length != len(options):
        return None
    return Edns(payload, version, bool(flags & _DNSSEC_OK), _cookie(options))


def _cookie(options: bytes) -> bytes:
    """The client's cookie, if there is one of a length that RFC 7873, 4 allows."""
    for kind, data in _options(options):
        if kind == _COOKIE:
            return data if len(data) == 8 or 16 <= len(data) <= 40 else b""
    return b""


def _options(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        kind, length = struct.unpack_from("!HH", data, at)
        yield kind, data[at + 4 : at + 4 + length]
        at += 4 + length
