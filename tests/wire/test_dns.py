"""The responder, message by message."""

import struct

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shutterpost.camera.models import ALL_HOSTS
from shutterpost.wire.dns import QUERY_LIMIT, TTL, Answer, Forward, Query, Responder, read
from shutterpost.wire.dns_cookies import Cookies

ADDRESS = "192.168.1.23"
REFUSING = Responder(ALL_HOSTS, forwards=False)
FORWARDING = Responder(ALL_HOSTS, forwards=True)


def respond(responder: Responder, wire: bytes, address: str = ADDRESS) -> Answer | Forward | None:
    query = read(wire)
    return responder.answer(query, address) if isinstance(query, Query) else query


def ask(
    name: str, kind: str = "A", responder: Responder = REFUSING, **options: object
) -> dns.message.Message:
    query = dns.message.make_query(name, kind, **options)  # type: ignore[arg-type]
    found = respond(responder, query.to_wire())
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
    found = respond(REFUSING, dns.message.make_query("GLD.samsungosp.com", "A").to_wire())
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
    assert isinstance(respond(FORWARDING, query.to_wire()), Forward)


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
        assert read(wire) is None
    for wire in (query.to_wire()[:-3], query.to_wire() + b"x", query.to_wire() + bytes(2000)):
        assert rcode(wire) == dns.rcode.FORMERR
    query.flags |= dns.flags.QR
    assert read(query.to_wire()) is None


def rcode(wire: bytes) -> dns.rcode.Rcode:
    found = respond(REFUSING, wire)
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


def test_queries_of_another_kind() -> None:
    query = dns.message.make_query("gld.samsungosp.com", "A")
    query.set_opcode(dns.opcode.NOTIFY)
    found = respond(REFUSING, query.to_wire())
    assert isinstance(found, Answer)
    assert dns.message.from_wire(found.wire).rcode() == dns.rcode.NOTIMP
    empty = dns.message.make_query("gld.samsungosp.com", "A")
    empty.question = []
    found = respond(REFUSING, empty.to_wire())
    assert isinstance(found, Answer)
    assert dns.message.from_wire(found.wire).rcode() == dns.rcode.FORMERR


def test_equal_queries_get_equal_answers_under_their_own_number() -> None:
    responder = Responder(ALL_HOSTS, forwards=False)
    for number in (1, 2, 65535):
        query = dns.message.make_query("www.msn.com", "A", id=number)
        for address in (ADDRESS, "10.0.0.1"):
            found = respond(responder, query.to_wire(), address)
            assert isinstance(found, Answer)
            answer = dns.message.from_wire(found.wire)
            assert answer.id == number
            assert [record.address for record in answer.answer[0]] == [address]


def _query(wire: bytes) -> Query:
    query = read(wire)
    assert isinstance(query, Query)
    return query


def test_a_failure_is_an_answer() -> None:
    query = dns.message.make_query("example.org", "A")
    answer = dns.message.from_wire(FORWARDING.failure(_query(query.to_wire())).wire)
    assert (query.is_response(answer), answer.rcode()) == (True, dns.rcode.SERVFAIL)


def test_who_asks_too_often_is_asked_to_come_by_tcp() -> None:
    query = dns.message.make_query("gld.samsungosp.com", "A", use_edns=0)
    cut = REFUSING.cut(_query(query.to_wire())).wire
    answer = dns.message.from_wire(cut)
    assert query.is_response(answer)
    assert (bool(answer.flags & dns.flags.TC), answer.answer) == (True, [])
    assert len(cut) <= len(query.to_wire())  # nobody is sent more than was sent in their name


HOSTILE = {
    "a pointer in the name": b"\xc0\x0c\0\1\0\1",
    "a name of 256 bytes": b"\x3f" + b"a" * 63 + (b"\x3f" + b"a" * 63) * 3 + b"\0\0\1\0\1",
    "a label that goes on behind the end": b"\x3fabc",
    "no type": b"\3abc\0",
    "bytes behind the question": b"\3abc\0\0\1\0\1x",
    "an extended label": b"\x41a\0\0\1\0\1",
}


@pytest.mark.parametrize("question", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_question_is_refused(question: bytes) -> None:
    assert rcode(b"\0\1\1\0\0\1\0\0\0\0\0\0" + question) == dns.rcode.FORMERR


def test_only_so_much_is_read() -> None:
    query = dns.message.make_query("gld.samsungosp.com", "A", use_edns=0, pad=QUERY_LIMIT)
    assert len(query.to_wire()) == QUERY_LIMIT
    assert isinstance(read(query.to_wire()), Query)
    assert rcode(query.to_wire() + b"x") == dns.rcode.FORMERR


@pytest.mark.parametrize("section", ["answer", "authority", "additional"])
def test_records_in_a_query_are_refused_unread(section: str) -> None:
    """Many records that point at one long name took a general reader seconds."""
    query = dns.message.make_query("gld.samsungosp.com", "A")
    record = dns.rrset.from_text("gld.samsungosp.com.", 1, "IN", "A", "192.0.2.1")
    getattr(query, section).append(record)
    found = read(query.to_wire())
    assert isinstance(found, Answer)
    assert len(found.wire) == 12
    assert dns.message.from_wire(found.wire).rcode() == dns.rcode.FORMERR


def test_a_forwarded_query_holds_the_question_alone() -> None:
    option = dns.edns.GenericOption(dns.edns.OptionType.PADDING, bytes(400))
    query = dns.message.make_query(
        "Example.org", "MX", use_edns=0, want_dnssec=True, payload=1400, options=[option]
    )
    found = respond(FORWARDING, query.to_wire())
    assert isinstance(found, Forward)
    asked = dns.message.from_wire(found.wire(b"\x12\x34"))
    assert asked.id == 0x1234
    assert asked.question[0].to_text() == "Example.org. IN MX"
    assert (asked.payload, asked.options, bool(asked.ednsflags)) == (1400, (), True)
    assert asked.flags & dns.flags.RD


def test_only_the_answer_to_the_question_is_passed_on() -> None:
    query = dns.message.make_query("example.org", "A", id=7)
    found = respond(FORWARDING, query.to_wire())
    assert isinstance(found, Forward)
    asked = dns.message.from_wire(found.wire(b"\x12\x34"))
    answer = dns.message.make_response(asked).to_wire()
    assert found.answered(b"\x12\x34", answer) == b"\0\7" + answer[2:]
    assert found.answered(b"\x12\x35", answer) is None
    assert found.answered(b"\x12\x34", asked.to_wire()) is None  # a query
    assert found.answered(b"\x12\x34", answer.replace(b"example", b"exbmple")) is None
    assert found.answered(b"\x12\x34", answer[:20]) is None
    assert found.answered(b"\x12\x34", b"") is None


COOKIES = Cookies(bytes(32))
CLIENT_COOKIE = b"clientco"


def test_a_cookie_comes_back_and_is_known_again() -> None:
    option = dns.edns.CookieOption(CLIENT_COOKIE, b"")
    query = dns.message.make_query("gld.samsungosp.com", "A", use_edns=0, options=[option])
    read_query = _query(query.to_wire())
    assert read_query.cookie == CLIENT_COOKIE
    whole = COOKIES.given(read_query.cookie, "192.0.2.1", 1000.0)
    found = REFUSING.answer(read_query, ADDRESS, whole)
    assert isinstance(found, Answer)
    [given] = dns.message.from_wire(found.wire).options
    assert isinstance(given, dns.edns.CookieOption)
    assert given.client + given.server == whole
    assert COOKIES.is_own(whole, "192.0.2.1", 1000.0)
    assert COOKIES.is_own(COOKIES.given(whole, "192.0.2.1", 2000.0), "192.0.2.1", 2000.0)


def test_a_cookie_of_another_is_none() -> None:
    whole = COOKIES.given(CLIENT_COOKIE, "192.0.2.1", 10_000.0)
    assert not COOKIES.is_own(whole, "192.0.2.2", 10_000.0)
    assert COOKIES.is_own(whole, "192.0.2.1", 13_600.0)
    assert not COOKIES.is_own(whole, "192.0.2.1", 13_601.0)  # too old
    assert not COOKIES.is_own(whole, "192.0.2.1", 9_000.0)  # of a time to come
    assert not COOKIES.is_own(CLIENT_COOKIE, "192.0.2.1", 10_000.0)
    assert not COOKIES.is_own(whole[:-1] + b"x", "192.0.2.1", 10_000.0)
    assert not Cookies(bytes(31)).is_own(whole, "192.0.2.1", 10_000.0)
    assert COOKIES.given(b"", "192.0.2.1", 0.0) == b""


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
        found = respond(responder, wire)
        if isinstance(found, Answer):
            answer = dns.message.from_wire(found.wire)
            assert answer.flags & dns.flags.QR
            assert len(found.wire) <= len(wire) + 60
