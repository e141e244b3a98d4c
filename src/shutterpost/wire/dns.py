"""DNS: a query, our names and an address make an answer. Pure.

dnspython reads and writes the messages. Promises to answer nothing that is no query, and
never with more than one address: there is nothing here to amplify. It does not know who
may ask, nor how other names are looked up.
"""

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
_REMEMBERED = 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send back, and which of our names was asked for (empty for others)."""

    wire: bytes
    name: str = ""


@dataclass(frozen=True, slots=True)
class Forward:
    """A query for another name, to be asked elsewhere."""

    query: dns.message.Message


class Responder:
    """Answers for a set of names."""

    def __init__(self, names: Collection[str], forwards: bool) -> None:
        """`forwards` says whether other names are forwarded, or refused."""
        self._names = {dns.name.from_text(name) for name in names}
        self._forwards = forwards
        self._answered: OrderedDict[tuple[bytes, str], Answer] = OrderedDict()

    def respond(self, wire: bytes, address: str) -> Answer | Forward | None:
        """The answer to a query, our names being at `address` (IPv4); None for silence.

        Equal queries get equal answers, so the last thousand are remembered, but for
        their first two bytes, which are the query's own number.
        """
        key = (wire[2:], address)
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
        if query.flags & dns.flags.QR:  # an answer, perhaps to a forged question
            return None
        if query.opcode() != dns.opcode.QUERY:
            return self._reply(query, dns.rcode.NOTIMP)
        if len(query.question) != 1:
            return self._reply(query, dns.rcode.FORMERR)
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
