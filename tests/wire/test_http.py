"""The reader of requests: what it reads, what it refuses, whatever the pieces."""

from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shutterpost.quirks import QUIRKS
from shutterpost.wire.body import ChunkedBody, SizedBody
from shutterpost.wire.http import (
    HEAD_LIMIT,
    HeadReader,
    Refused,
    Request,
)
from shutterpost.wire.reply import Reply
from tests.support import one_by_one, splits

Outcome = Request | tuple[int, str] | None


def outcome(pieces: Iterable[bytes]) -> tuple[Outcome, bytes]:
    """The request in the pieces (or the refusal, or nothing yet), and the bytes after it."""
    reader = HeadReader()
    request: Request | None = None
    rest = b""
    try:
        for piece in pieces:
            if request is None:
                found = reader.feed(piece)
                if found:
                    request, rest = found
            else:
                rest += piece
        if request is None:
            reader.end()
    except Refused as refused:
        return (refused.status, refused.why), b""
    return request, rest


def read(data: bytes) -> Request:
    request, _ = outcome([data])
    assert isinstance(request, Request), request
    return request


def refusal(data: bytes) -> int:
    refused, _ = outcome([data])
    assert isinstance(refused, tuple), refused
    return refused[0]


@pytest.mark.parametrize(
    "line",
    [
        b"POST /a?b  HTTP/1.0",
        b"POST /a?b \t HTTP/1.0",
        b"POST\t\t/a?b HTTP/1.0",
        b"POST /a?b HTTP/1.0 ",
        b"POST /a?b HTTP/1.0\t \t",
    ],
)
def test_any_spaces_and_tabs_in_the_request_line(line: bytes) -> None:
    request = read(line + b"\r\nContent-Length: 0\r\n\r\n")
    assert (request.method, request.path, request.query) == ("POST", "/a", "b")
    assert request.version == (1, 0)
    assert "request-line-whitespace" in request.quirks


def test_an_orderly_request_needs_no_quirk() -> None:
    request = read(b"GET /a?b=c HTTP/1.1\r\nHost: www.msn.com\r\nAccept: */*\r\n\r\n")
    assert request.quirks == frozenset()
    assert request.value("accept") == "*/*"
    assert request.length == 0


def test_the_absolute_targets_host_beats_host() -> None:
    request = read(b"GET http://GLD.samsungosp.com.:80/x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
    assert (request.host, request.path) == ("gld.samsungosp.com", "/x")
    assert "absolute-target" in request.quirks


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"http://www.msn.com", "/", ""),
        (b"HTTP://www.msn.com?x", "/", "x"),
        (b"http://[::1]:8080/a", "/a", ""),
    ],
)
def test_absolute_targets_without_a_path(target: bytes, path: str, query: str) -> None:
    request = read(b"GET " + target + b" HTTP/1.1\r\n\r\n")
    assert (request.path, request.query) == (path, query)


def test_the_host_is_compared_without_case_port_and_dot() -> None:
    assert read(b"GET / HTTP/1.1\r\nHOST:WWW.MSN.COM.:80\r\n\r\n").host == "www.msn.com"


def test_http_1_0_without_host() -> None:
    request = read(b"GET / HTTP/1.0\r\n\r\n")
    assert request.host == ""
    assert "no-host" in request.quirks


def test_a_put_target_may_hold_raw_bytes_and_spaces() -> None:
    name = "사진 1.JPG"
    request = read(f"PUT /upload/key/{name} HTTP/1.1\r\nContent-Length: 1\r\n\r\n".encode())
    assert request.path == f"/upload/key/{name}"
    assert {"space-in-target", "raw-bytes-in-target"} <= request.quirks


def test_bytes_that_are_not_utf_8_survive_in_the_target() -> None:
    request = read(b"PUT /\xec\x82\xac\xbb\xe7.JPG?\xff HTTP/1.1\r\nContent-Length: 1\r\n\r\n")
    assert (request.path, request.query) == ("/사%BB%E7.JPG", "%FF")


@pytest.mark.parametrize(
    ("sent", "text"), [("é".encode(), "é"), ("사진".encode("cp949"), "사진"), (b"\xe9\xff", "éÿ")]
)
def test_fields_are_text_in_whatever_encoding(sent: bytes, text: str) -> None:
    assert read(b"GET / HTTP/1.1\r\nUser-Agent: " + sent + b"\r\n\r\n").value("user-agent") == text


def test_bare_lf_and_an_empty_line_before_the_request() -> None:
    request = read(b"\r\n\nGET / HTTP/1.1\nHost: a\n\n")
    assert request.host == "a"
    assert {"bare-lf", "blank-before-request"} <= request.quirks


def test_repeated_fields_keep_their_order() -> None:
    request = read(b"GET / HTTP/1.1\r\nUser-Agent:x\r\nuser-AGENT: y\r\n\r\n")
    assert request.values("User-Agent") == ["x", "y"]
    assert {"repeated-field", "no-space-after-colon"} <= request.quirks


@pytest.mark.parametrize(
    ("lines", "quirk", "value"),
    [
        (b"A: b\r\n c\r\n\t d\r\n", "folded-field", "b c d"),
        (b"A:\n b\n", "folded-field", "b"),
        (b"A: b\r\n \r\n", "folded-field", "b"),
        (b"A : b\r\n", "space-before-colon", "b"),
        (b"A\t :b\r\n", "space-before-colon", "b"),
        (b"no colon\r\nA: b\r\n", "stray-line", "b"),
        (b" A: c\r\nA: b\r\n", "stray-line", "b"),  # nothing is before it that could go on
        (b"A: b\r\nstray\r\n c\r\n", "stray-line", "b"),
        (b": c\r\nA: b\r\n", "stray-line", "b"),
        (b"A\x00: c\r\nA: b\r\n", "stray-line", "b"),
        (b"A: b\x00\r\n", "control-character", "b"),
        (b"A: b\x0bc\rd\r\n", "control-character", "b c d"),
    ],
)
def test_odd_lines_are_read_or_passed_over(lines: bytes, quirk: str, value: str) -> None:
    head = b"GET / HTTP/1.1\r\n" + lines + b"Host: h\r\nB: c\r\n\r\n"
    request = read(head)
    assert (request.host, request.value("A"), request.value("B")) == ("h", value, "c")
    assert request.quirks - {"bare-lf", "no-space-after-colon"} == {quirk}
    assert outcome(one_by_one(head)) == outcome([head])


@pytest.mark.parametrize(
    ("line", "path", "quirk"),
    [
        (b"get /a HTTP/1.1", "/a", "lower-case-method"),
        (b"Get /a HTTP/1.1", "/a", "lower-case-method"),
        (b"GET //a HTTP/1.1", "/a", "several-slashes"),
        (b"GET ///a////b/ HTTP/1.1", "/a/b/", "several-slashes"),
        (b"GET http://h//a HTTP/1.1", "/a", "several-slashes"),
        (b"GET /\x00a\x7f HTTP/1.1", "/%00a%7F", "control-character"),
        (b"GET /a HTTP/1.1\x00", "/a", "request-line-whitespace"),
    ],
)
def test_odd_request_lines(line: bytes, path: str, quirk: str) -> None:
    request = read(line + b"\r\nHost: h\r\n\r\n")
    assert (request.method, request.path, request.host) == ("GET", path, "h")
    assert request.quirks - {"absolute-target"} == {quirk}


def test_slashes_in_a_query_stay() -> None:
    request = read(b"GET /a?b=http://c HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (request.query, request.quirks) == ("b=http://c", frozenset())


@pytest.mark.parametrize(
    ("hosts", "host", "quirks"),
    [
        ([b"a", b"b"], "a", {"two-hosts", "repeated-field"}),
        ([b"A", b"a:80"], "a", {"two-hosts", "repeated-field"}),
        ([b"a/b", b"b"], "b", {"two-hosts", "repeated-field"}),
        ([b"a", b"a"], "a", {"repeated-field"}),
        ([b"a/b"], "", {"unreadable-host"}),
        ([b"\xff"], "", {"unreadable-host"}),
        ([b""], "", set()),
    ],
)
def test_hosts(hosts: list[bytes], host: str, quirks: set[str]) -> None:
    lines = b"".join(b"Host: " + value + b"\r\n" for value in hosts)
    request = read(b"GET / HTTP/1.1\r\n" + lines + b"\r\n")
    assert (request.host, set(request.quirks)) == (host, quirks)


@pytest.mark.parametrize(
    ("version", "expects"), [(b"1.1", True), (b"1.0", False)], ids=["1.1", "1.0"]
)
def test_continue_is_expected_by_http_1_1_only(version: bytes, expects: bool) -> None:
    head = b"POST / HTTP/" + version + b"\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n"
    assert read(head).expects_continue is expects


POST = b"POST / HTTP/1.1\r\n"


@pytest.mark.parametrize(
    ("fields", "length"),
    [
        (b"Content-Length: 5\r\n", 5),
        (b"Content-Length: 0005\r\n", 5),
        (b"Content-Length: 5\r\ncontent-length:5\r\n", 5),
        (b"Content-Length: 5, 5\r\n", 5),
        (b"Transfer-Encoding: Chunked\r\n", None),
    ],
)
def test_lengths(fields: bytes, length: int | None) -> None:
    assert read(POST + fields + b"\r\n").length == length


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (POST + b"\r\n", 411),
        (b"PUT / HTTP/1.0\r\n\r\n", 411),
        (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
        (POST + b"Content-Length: 5, 6\r\n\r\n", 400),
        (POST + b"Content-Length: -5\r\n\r\n", 400),
        (POST + b"Content-Length: +5\r\n\r\n", 400),
        (POST + b"Content-Length: 0x5\r\n\r\n", 400),
        (POST + b"Content-Length: 5 6\r\n\r\n", 400),
        (POST + b"Content-Length:\r\n\r\n", 400),
        (POST + "Content-Length: \u0665\r\n\r\n".encode(), 400),
        (POST + b"Content-Length: " + b"9" * 19 + b"\r\n\r\n", 400),
        (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: gzip\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (POST + b"Content-Length : 5\r\n\r\n", 400),
        (POST + b"Content-Length:\r\n 5\r\n\r\n", 400),
        (POST + b"Content-Length: 5\r\n 0\r\n\r\n", 400),
        (POST + b"Content-Length: 5\x00\r\n\r\n", 400),
        (POST + b"Content-Length: 5\r0\r\n\r\n", 400),
        (POST + b"Content-\x00Length: 5\r\n\r\n", 411),
        (POST + b" Content-Length: 5\r\n\r\n", 411),
        (POST + b"A: b\r\n Content-Length: 5\r\n\r\n", 411),
        (POST + b"Content Length: 5\r\n\r\n", 411),
        (POST + b"Transfer-Encoding : chunked\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: chunked\r\n\tx\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n", 400),
        (b"GET http:///x HTTP/1.1\r\n\r\n", 400),
        (b"GET http://u@h/x HTTP/1.1\r\n\r\n", 400),
        (b"GET x HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"GET /\r\n\r\n", 400),
        (b"GET HTTP/1.1\r\n\r\n", 400),
        (b" GET / HTTP/1.1\r\n\r\n", 400),
        (b"DELETE / HTTP/1.1\r\n\r\n", 405),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\r\n", 400),
    ],
)
def test_what_cannot_or_must_not_be_read_is_refused(head: bytes, status: int) -> None:
    assert refusal(head) == status
    assert outcome(one_by_one(head)) == outcome([head])


def test_405_says_which_methods_are_allowed() -> None:
    with pytest.raises(Refused) as refused:
        HeadReader().feed(b"BREW / HTTP/1.1\r\n\r\n")
    assert refused.value.fields == (("Allow", "GET, HEAD, POST, PUT"),)


def test_a_head_may_have_64_kib_and_200_fields_and_no_more() -> None:
    start, end = b"GET / HTTP/1.1\r\nA: ", b"\r\n\r\n"
    fitting = start + b"x" * (HEAD_LIMIT - len(start) - len(end)) + end
    assert read(fitting).method == "GET"
    assert refusal(fitting.replace(b"A: ", b"A: x")) == 431
    assert refusal(b"GET /" + b"x" * HEAD_LIMIT) == 431
    assert refusal(b"\r\n" * HEAD_LIMIT) == 431
    assert read(b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n").method == "GET"
    assert refusal(b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 201 + b"\r\n") == 431


def test_a_head_full_of_spaces_is_read_in_linear_time() -> None:
    assert refusal(b"GET " + b" " * (HEAD_LIMIT - 10) + b"\r\n\r\n") == 400


TOKENS = st.sampled_from(
    [
        *(
            b"GET",
            b"PUT",
            b"POST",
            b" ",
            b"\t",
            b"/",
            b"/a b",
            b"http://h.",
            b"HTTP/1.1",
            b"HTTP/1.0",
        ),
        *(b"\r\n", b"\n", b"\r", b"Host", b":", b"Content-Length: 5", b"Content-Length:6"),
        *(b"Transfer-Encoding: chunked", b"Expect: 100-continue", b"\xff", b"\x00", b"x"),
        *(b"get", b"//", b"\r\n ", b" :", b"Host: a\r\nHost: b\r\n"),
    ]
)


@given(st.lists(TOKENS | st.binary(max_size=5), max_size=30), st.data())
def test_any_split_of_any_input_gives_the_same_result(
    tokens: list[bytes], data: st.DataObject
) -> None:
    whole = b"".join(tokens)
    expected = outcome([whole])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert outcome(pieces) == expected
    assert outcome(one_by_one(whole)) == expected
    if isinstance(expected[0], Request):
        repr(expected[0]).encode()  # raises if there is half a character anywhere
        str(expected[0].fields).encode()
        assert expected[0].quirks <= QUIRKS.keys()


def decoded(pieces: Iterable[bytes]) -> tuple[bytes, bool] | int:
    body = ChunkedBody()
    found = b""
    try:
        for piece in pieces:
            found += b"".join(body.feed(piece))
    except Refused as refused:
        return refused.status
    return found, body.complete


CHUNKED = (
    b"4;name=value\r\nWiki\r\n5 \r\npedia\r\nE\r\n in\r\n\r\nchunks.\r\n0\r\nTrailer: x\r\n\r\n"
)


def test_chunked_bodies_are_read_in_every_split() -> None:
    expected = (b"Wikipedia in\r\n\r\nchunks.", True)
    assert decoded([CHUNKED]) == expected
    assert decoded([CHUNKED + b"more"]) == expected
    assert all(decoded(pieces) == expected for pieces in splits(CHUNKED))
    assert decoded(one_by_one(CHUNKED)) == expected


@pytest.mark.parametrize("cut", range(len(CHUNKED)))
def test_a_chunked_body_cut_short_is_never_complete(cut: int) -> None:
    found = decoded([CHUNKED[:cut]])
    assert isinstance(found, tuple)
    assert not found[1]


@pytest.mark.parametrize(
    "body",
    [
        b"x\r\n",
        b"-1\r\n",
        b"\r\n",
        b"5\r\nWikip!edia\r\n",
        b"F" * 16 + b"\r\n",
        b"1;" + b"x" * 2000,
    ],
)
def test_what_is_not_chunked_is_refused(body: bytes) -> None:
    assert decoded([body]) == 400


@given(st.lists(st.sampled_from([b"0", b"1", b"a", b"\r\n", b"\n", b"x", b";"]), max_size=20))
@example([b"1", b"\n", b"x", b"\n", b"0", b"\n", b"\n"])
def test_any_split_of_a_chunked_body_gives_the_same(tokens: list[bytes]) -> None:
    whole = b"".join(tokens)
    assert decoded(one_by_one(whole)) == decoded([whole])


def test_a_sized_body_ends_where_its_head_said() -> None:
    body = SizedBody(5)
    assert b"".join([*body.feed(b"abc"), *body.feed(b"defgh")]) == b"abcde"
    assert body.complete
    assert list(body.feed(b"more")) == []


def test_a_reply_has_the_proven_envelope() -> None:
    assert Reply(200, b"x").encode(1e9) == (
        b"HTTP/1.1 200 OK\r\nServer: Shutterpost\r\nDate: Sun, 09 Sep 2001 01:46:40 GMT\r\n"
        b"Content-Type: text/html; charset=utf-8\r\n"
        b"Content-Length: 1\r\nConnection: close\r\n\r\nx"
    )


def test_a_reply_to_head_has_the_length_but_no_body() -> None:
    assert (
        Reply(200, b"xyz")
        .encode(0.0, head_only=True)
        .endswith(b"Content-Length: 3\r\nConnection: close\r\n\r\n")
    )


def test_a_line_break_cannot_enter_a_replys_head() -> None:
    with pytest.raises(ValueError, match="line break"):
        Reply(302, fields=(("Location", "/\r\nSet-Cookie: x"),)).encode(0.0)
