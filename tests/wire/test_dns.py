"""The responder, message by message."""

import struct

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shutterpost.camera.models import ALL_HOSTS
from shutterpost.wire.dns import TTL, Answer, Forward, Responder, failure, truncated

ADDRESS = "192.168.1.23"
REFUSING = Responder(ALL_HOSTS, forwards=False)
FORWARDING = Responder(ALL_HOSTS, forwards=True)


def ask(
    name: str, kind: str = "A", responder: Responder = REFUSING, **options: object
) -> dns.message.Message:
    query = dns.message.make_query(name, kind, **options)  # type: ignore[arg-type]
    found = responder.respond(query.to_wire(), ADDRESS)
    assert isinstance(found, Answer)
    answer = dns.message.from_wire(found.wire)
    assert query.is_response(answer)
    return answer


@pytest.mark.parametrize("name", ALL_HOSTS)
def test_our_names_have_our_address(name: str) -> None:
    answer = ask(name)
    assert answer.rcode() == dns.rcode.NOERROR
    assert answer.flags & dns.flags.AA
    [found] = answer.answer
    assert (found.ttl, [record.address for record in found]) == (TTL, [ADDRESS])


def test_the_case_of_a_name_is_kept() -> None:
    answer = ask("GlD.SaMsUnGoSp.CoM")
    assert answer.question[0].name.to_text() == "GlD.SaMsUnGoSp.CoM."
    assert answer.answer[0].name.to_text() == "GlD.SaMsUnGoSp.CoM."
    found = REFUSING.respond(dns.message.make_query("GLD.samsungosp.com", "A").to_wire(), ADDRESS)
    assert isinstance(found, Answer)
    assert found.name == "gld.samsungosp.com"


@pytest.mark.parametrize("kind", ["AAAA", "HTTPS", "MX", "TXT", "SOA"])
def test_of_other_types_there_is_nothing(kind: str) -> None:
    answer = ask("gld.samsungosp.com", kind)
    assert (answer.rcode(), answer.answer) == (dns.rcode.NOERROR, [])


@pytest.mark.parametrize("name", ["example.org", "samsungosp.com", "x.gld.samsungosp.com", "."])
def test_other_names_are_refused_or_forwarded(name: str) -> None:
    assert ask(name).rcode() == dns.rcode.REFUSED
    query = dns.message.make_query(name, "A")
    assert isinstance(FORWARDING.respond(query.to_wire(), ADDRESS), Forward)


def test_any_is_refused_for_our_names_too() -> None:
    for name in ("gld.samsungosp.com", "example.org"):
        assert ask(name, "ANY").rcode() == dns.rcode.REFUSED
        assert ask(name, "ANY", FORWARDING).rcode() == dns.rcode.REFUSED


def test_edns_is_answered() -> None:
    answer = ask("gld.samsungosp.com", use_edns=0, payload=4096)
    assert (answer.edns, answer.payload) == (0, 1232)
    assert ask("gld.samsungosp.com").edns == -1
    assert ask("gld.samsungosp.com", use_edns=1).rcode() == dns.rcode.BADVERS


def test_what_is_no_query_gets_no_answer() -> None:
    query = dns.message.make_query("gld.samsungosp.com", "A")
    for wire in (b"", b"x", bytes(11)):
        assert REFUSING.respond(wire, ADDRESS) is None
        assert truncated(wire) is None
    for wire in (query.to_wire()[:-3], query.to_wire() + b"x", query.to_wire() + bytes(2000)):
        assert rcode(wire) == dns.rcode.FORMERR
        assert truncated(wire) is None
    query.flags |= dns.flags.QR
    assert REFUSING.respond(query.to_wire(), ADDRESS) is None


def test_queries_of_another_kind() -> None:
    query = dns.message.make_query("gld.samsungosp.com", "A")
    query.set_opcode(dns.opcode.NOTIFY)
    found = REFUSING.respond(query.to_wire(), ADDRESS)
    assert isinstance(found, Answer)
    assert dns.message.from_wire(found.wire).rcode() == dns.rcode.NOTIMP
    empty = dns.message.make_query("gld.samsungosp.com", "A")
    empty.question = []
    found = REFUSING.respond(empty.to_wire(), ADDRESS)
    assert isinstance(found, Answer)
    assert dns.message.from_wire(found.wire).rcode() == dns.rcode.FORMERR


def rcode(wire: bytes) -> dns.rcode.Rcode:
    found = REFUSING.respond(wire, ADDRESS)
    assert isinstance(found, Answer)
    assert len(found.wire) <= max(12, len(wire))
    return dns.message.from_wire(found.wire).rcode()


def test_records_that_no_client_sends_are_not_read() -> None:
    """Thousands of records that point at one long name took 18 s over TCP."""
    name = b"".join(bytes([63]) + b"a" * 63 for _ in range(3)) + b"\0"
    question = name + b"\0\1\0\1"
    record = b"\xc0\x0c" + b"\0\1\0\1" + bytes(6)
    for place in range(3):
        counts = [0, 0, 0]
        counts[place] = 80
        head = struct.pack("!HHHHHH", 1, 0, 1, *counts)
        assert rcode(head + question + 80 * record) == dns.rcode.FORMERR
    two = struct.pack("!HHHHHH", 1, 0, 2, 0, 0, 0) + 2 * question
    assert rcode(two) == dns.rcode.FORMERR
    compressed = struct.pack("!HHHHHH", 1, 0, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1"
    assert rcode(compressed) == dns.rcode.FORMERR
    signed = struct.pack("!HHHHHH", 1, 0, 1, 0, 0, 1) + question + b"\0\0\xfa" + bytes(8)
    assert rcode(signed) == dns.rcode.FORMERR


def test_answers_are_remembered_without_padding() -> None:
    responder = Responder(ALL_HOSTS, forwards=False)
    for size in range(0, 400, 8):
        padding = dns.edns.GenericOption(dns.edns.OptionType.PADDING, bytes(size))
        query = dns.message.make_query("www.msn.com", "A", use_edns=0, options=[padding])
        found = responder.respond(query.to_wire(), ADDRESS)
        assert isinstance(found, Answer)
        assert query.is_response(dns.message.from_wire(found.wire))
    assert len(responder._answered) == 1


def test_who_asks_too_often_is_sent_to_tcp() -> None:
    query = dns.message.make_query("gld.samsungosp.com", "A", use_edns=0)
    wire = truncated(query.to_wire())
    assert wire is not None
    answer = dns.message.from_wire(wire)
    assert query.is_response(answer)
    assert answer.flags & dns.flags.TC
    assert answer.answer == []
    assert len(wire) <= len(query.to_wire())


def test_equal_queries_get_equal_answers_under_their_own_number() -> None:
    responder = Responder(ALL_HOSTS, forwards=False)
    for number in (1, 2, 65535):
        query = dns.message.make_query("www.msn.com", "A", id=number)
        for address in (ADDRESS, "10.0.0.1"):
            found = responder.respond(query.to_wire(), address)
            assert isinstance(found, Answer)
            answer = dns.message.from_wire(found.wire)
            assert answer.id == number
            assert [record.address for record in answer.answer[0]] == [address]


def test_a_failure_is_an_answer() -> None:
    query = dns.message.make_query("example.org", "A")
    assert dns.message.from_wire(failure(query)).rcode() == dns.rcode.SERVFAIL


QUERY = dns.message.make_query("gld.samsungosp.com", "A", use_edns=0).to_wire()


@given(
    st.binary(max_size=600)
    | st.builds(
        lambda at, byte: QUERY[:at] + bytes([byte]) + QUERY[at + 1 :],
        st.integers(0, len(QUERY) - 1),
        st.integers(0, 255),
    )
)
def test_any_datagram_gets_an_answer_or_silence(wire: bytes) -> None:
    for responder in (REFUSING, FORWARDING):
        found = responder.respond(wire, ADDRESS)
        if isinstance(found, Answer):
            answer = dns.message.from_wire(found.wire)
            assert answer.flags & dns.flags.QR
            assert len(found.wire) <= len(wire) + 60
