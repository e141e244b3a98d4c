"""DNS: a query, our names and an address make an answer. Pure.

dnspython reads and writes the messages. Promises to answer nothing that is no query, and
never with more than one address: there is nothing here to amplify. It does not know who
may ask, nor how other names are looked up.
"""

import struct
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

TTL = 60
"""Seconds that an answer may be kept."""
UDP_SIZE = 1232
"""The payload size we tell in EDNS; it crosses every network in one piece."""
QUERY_LIMIT = 1232
"""The most bytes of a query; a question has at most 271, the rest is options."""
_REMEMBERED = 1024
_HEADER = struct.Struct("!HHHHHH")  # number, flags, and how many of each kind of record
_OPT = struct.Struct("!BHHIH")  # the root's name, type, size, flags, length of the options
_QUERY_FLAGS = dns.flags.RD | dns.flags.CD


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send back, and which of our names was asked for (empty for others)."""

    wire: bytes
    name: str = ""


@dataclass(frozen=True, slots=True)
class Forward:
    """A query for another name, to be asked elsewhere."""

    query: dns.message.Message


@dataclass(frozen=True, slots=True)
class _Query:
    """What an answer depends on: flags, question, and the fixed part of EDNS."""

    said: tuple[bytes, ...]

    @property
    def question(self) -> bytes:
        return self.said[1]


def truncated(wire: bytes) -> bytes | None:
    """An answer as long as its question that says "ask by TCP"; None for what is no query.

    Who can be reached by TCP is who it says to be: forged questions cannot use that up.
    """
    glance = _look_at(wire)
    if not isinstance(glance, _Query):
        return None
    number, flags, *_ = _HEADER.unpack_from(wire)
    answered = flags & _QUERY_FLAGS | dns.flags.QR | dns.flags.TC
    return _HEADER.pack(number, answered, 1, 0, 0, 0) + glance.question


def _look_at(wire: bytes) -> _Query | Answer | None:
    """A query's parts, if it is one that dnspython should read: cheap, whatever was sent.

    One question, no records but EDNS, no compression: nothing else is asked by a client, and
    a few hundred bytes of other records can take dnspython a third of a second. An answer if
    it has an error that is worth one, None for silence.
    """
    if len(wire) < _HEADER.size:
        return None
    number, flags, questions, answers, authority, additional = _HEADER.unpack_from(wire)
    if flags & dns.flags.QR:  # an answer, perhaps to a forged question
        return None
    if dns.opcode.from_flags(flags) != dns.opcode.QUERY:
        return _error(number, flags, dns.rcode.NOTIMP)
    malformed = _error(number, flags, dns.rcode.FORMERR)
    end = _end_of_question(wire)
    if (questions, answers, authority) != (1, 0, 0) or not end or len(wire) > QUERY_LIMIT:
        return malformed
    edns = wire[end : end + _OPT.size]
    if additional == 1 and len(edns) == _OPT.size:
        root, kind, _, _, length = _OPT.unpack(edns)
        if (root, kind) != (0, dns.rdatatype.OPT) or len(wire) != end + _OPT.size + length:
            return malformed
    elif additional or edns:
        return malformed
    return _Query((wire[2:4], wire[_HEADER.size : end], edns[:-2]))


def _end_of_question(wire: bytes) -> int:
    """Where the first question ends; 0 for one that is cut short, compressed or too long."""
    at = _HEADER.size
    while at < len(wire) and at - _HEADER.size < 255:
        length = wire[at]
        at += 1
        if length == 0:
            return at + 4 if at + 4 <= len(wire) else 0
        if length > 63:
            return 0
        at += length
    return 0


def _error(number: int, flags: int, rcode: dns.rcode.Rcode) -> Answer:
    """A header alone."""
    opcode = dns.opcode.to_flags(dns.opcode.from_flags(flags))
    answered = flags & _QUERY_FLAGS | dns.flags.QR | opcode | rcode
    return Answer(_HEADER.pack(number, answered, 0, 0, 0, 0))


class Responder:
    """Answers for a set of names."""

    def __init__(self, names: Collection[str], forwards: bool) -> None:
        """`forwards` says whether other names are forwarded, or refused."""
        self._names = {dns.name.from_text(name) for name in names}
        self._forwards = forwards
        self._answered: OrderedDict[tuple[tuple[bytes, ...], str], Answer] = OrderedDict()

    def respond(self, wire: bytes, address: str) -> Answer | Forward | None:
        """The answer to a query, our names being at `address` (IPv4); None for silence.

        Equal queries get equal answers, so the last thousand are remembered by all that an
        answer depends on: not by the query's number, and not by options such as padding.
        """
        glance = _look_at(wire)
        if not isinstance(glance, _Query):
            return glance
        key = (glance.said, address)
        if known := self._answered.get(key):
            self._answered.move_to_end(key)
            return Answer(wire[:2] + known.wire[2:], known.name)
        found = self._respond(wire, address)
        if isinstance(found, Answer):
            self._answered[key] = found
            if len(self._answered) > _REMEMBERED:
                self._answered.popitem(last=False)
        return found

    def _respond(self, wire: bytes, address: str) -> Answer | Forward | None:
        try:
            query = dns.message.from_wire(wire)
        except (dns.exception.DNSException, ValueError):
            return None
        if query.edns > 0:
            return self._reply(query, dns.rcode.BADVERS)
        question = query.question[0]
        if question.rdclass != dns.rdataclass.IN or question.rdtype == dns.rdatatype.ANY:
            return self._reply(query, dns.rcode.REFUSED)
        if question.name not in self._names:
            return Forward(query) if self._forwards else self._reply(query, dns.rcode.REFUSED)
        return self._address(query, address)

    def _address(self, query: dns.message.Message, address: str) -> Answer:
        """One of our names: its address, or that there is nothing of another type."""
        question = query.question[0]
        reply = self._prepared(query)
        reply.flags |= dns.flags.AA
        if question.rdtype == dns.rdatatype.A:
            # the name as it was asked: resolvers vary its case and want it back (0x20)
            found = dns.rrset.from_text(question.name, TTL, "IN", "A", address)
            reply.answer.append(found)
        return Answer(reply.to_wire(), question.name.to_text(omit_final_dot=True).lower())

    def _reply(self, query: dns.message.Message, rcode: dns.rcode.Rcode) -> Answer:
        reply = self._prepared(query)
        reply.set_rcode(rcode)
        return Answer(reply.to_wire())

    def _prepared(self, query: dns.message.Message) -> dns.message.Message:
        reply = dns.message.make_response(query, recursion_available=self._forwards)
        if query.edns >= 0:
            reply.use_edns(0, 0, UDP_SIZE)
        return reply


def failure(query: dns.message.Message) -> bytes:
    """The answer to a query that could not be forwarded."""
    reply = dns.message.make_response(query, recursion_available=True)
    reply.set_rcode(dns.rcode.SERVFAIL)
    return reply.to_wire()
