"""The multipart reader: every ending, every split, and photos that look like delimiters."""

from collections.abc import Iterable
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shutterpost.wire.http import Refused
from shutterpost.wire.multipart import (
    PART_HEAD_LIMIT,
    Data,
    Multipart,
    Part,
    PartEnd,
    boundary,
    parameters,
)
from tests.support import BOUNDARY, one_by_one, splits

B = b"--b7d9"
HEAD = (
    b'content-disposition: form-data; name="binary"; fileName="A.JPG"\r\n'
    b"content-Type: image/jpeg;\r\n"
)


def parts(pieces: Iterable[bytes], name: bytes = B[2:]) -> list[tuple[Part, bytes]] | int:
    """The parts with their data, or the status of the refusal."""
    found: list[tuple[Part, bytes]] = []
    reader = Multipart(name)
    open_part = False
    try:
        events = [event for piece in pieces for event in reader.feed(piece)]
        events += reader.end()
    except Refused as refused:
        return refused.status
    for event in events:
        if isinstance(event, Part):
            assert not open_part
            found.append((event, b""))
            open_part = True
        elif isinstance(event, Data):
            assert open_part and event.data
            found[-1] = (found[-1][0], found[-1][1] + event.data)
        elif isinstance(event, PartEnd):
            assert open_part
            open_part = False
    assert not open_part
    return found


def data_of(pieces: Iterable[bytes]) -> list[bytes]:
    found = parts(pieces)
    assert isinstance(found, list), found
    return [data for _, data in found]


def body(*photos: bytes, end: bytes) -> bytes:
    return b"\r\n".join(B + b"\r\n" + HEAD + b"\r\n" + photo for photo in photos) + end


PHOTO = b"\xff\xd8 \r \r\n \r\n- \r\n-- \r\n--b7d \xff\xd9"

ENDINGS = {
    "closed": b"\r\n" + B + b"--\r\n",
    "closed without CRLF": b"\r\n" + B + b"--",
    "closed with padding": b"\r\n" + B + b"-- \t\r\n",
    "closed, and an epilogue": b"\r\n" + B + b"--\r\nepilogue\r\n" + B + b"\r\n\r\nx",
    "plain": b"\r\n" + B,
    "plain with CRLF": b"\r\n" + B + b"\r\n",
    "plain with padding": b"\r\n" + B + b"  ",
    "plain with CR": b"\r\n" + B + b"\r",
    "plain with LF": b"\r\n" + B + b"\n",
    "plain, and an empty line": b"\r\n" + B + b"\r\n\r\n",
    "half closed": b"\r\n" + B + b"-",
    "nothing": b"",
    **{f"cut at {n}": (b"\r\n" + B)[:n] for n in range(2, len(B) + 2)},
}


@pytest.mark.parametrize("end", ENDINGS.values(), ids=ENDINGS)
def test_every_ending_gives_the_last_photo_to_the_byte_in_every_split(end: bytes) -> None:
    whole = body(PHOTO, PHOTO + b"2", end=end)
    expected = [PHOTO, PHOTO + b"2"]
    if end.endswith(b"\r\n\r\n"):  # the delimiter and an empty head: a part without data
        expected.append(b"")
    assert data_of([whole]) == expected
    assert data_of(one_by_one(whole)) == expected
    for pieces in splits(whole):
        assert data_of(pieces) == expected


def test_a_lone_cr_at_the_very_end_is_the_photos_own() -> None:
    assert data_of([body(b"photo\r", end=b"")]) == [b"photo\r"]


def test_a_missing_end_is_named() -> None:
    for end, quirks in (
        (b"\r\n" + B + b"--", set()),
        (b"\r\n" + B + b"--\r\n", set()),
        (b"\r\n" + B, {"multipart-not-closed"}),
        (b"\r\n" + B + b"\r\n", {"multipart-not-closed"}),
        (b"\r\n--b7", {"multipart-not-closed", "multipart-cut-delimiter"}),
        (b"", {"multipart-not-closed"}),
    ):
        reader = Multipart(B[2:])
        list(reader.feed(body(b"x", end=end)))
        list(reader.end())
        assert reader.quirks == quirks, end


LOOK_ALIKES = [
    b"\r\n" + B + b"7\r\n",
    b"\r\n" + B + b"x",
    b"\r\n" + B + b"-x",
    b"\r\n" + B + b"--x",
    b"\r\n" + B + b" x\r\n",
    b"\r\n" + B + b"\rx",
    b"\r\n" + B + b" " * 40 + b"\r\n",
    b"\n" + B + b"\r\n",
    b"\r" + B + b"\r\n",
    B + b"\r\n",
    b"\r\n\r\n-" + B[1:-1],
    b"\r\n" + B[:-1] + b"\r\n",
]


@pytest.mark.parametrize("alike", LOOK_ALIKES)
@pytest.mark.parametrize("end", [b"\r\n" + B + b"--\r\n", b"\r\n" + B])
def test_look_alikes_of_the_boundary_stay_photo(alike: bytes, end: bytes) -> None:
    photo = b"before" + alike + b"after"
    whole = body(photo, end=end)
    for pieces in splits(whole):
        assert data_of(pieces) == [photo]


@given(
    st.lists(
        st.lists(
            st.sampled_from([b"\r", b"\n", b"-", b"--", B, B[:3], b"\r\n" + B[:-1], b" ", b"x"]),
            max_size=12,
        ).map(b"".join),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from([b"\r\n" + B + b"--\r\n", b"\r\n" + B, b"\r\n" + B + b"\r\n"]),
    st.lists(st.integers(1, 40)),
)
def test_photos_come_out_to_the_byte_whatever_they_hold(
    photos: list[bytes], end: bytes, sizes: list[int]
) -> None:
    photos = [photo.replace(b"\r\n" + B, b"") for photo in photos]
    photos = [b"x" + photo.replace(b"\r\n" + B, b"") + b"x" for photo in photos]
    photos = [photo for photo in photos if b"\r\n" + B not in photo] or [b"x"]
    whole = body(*photos, end=end)
    pieces, position = [], 0
    for size in sizes:
        pieces.append(whole[position : position + size])
        position += size
    pieces.append(whole[position:])
    assert data_of(pieces) == photos


@given(
    st.lists(
        st.sampled_from(
            [b"\r\n", B, b"\r\n" + B, b"--", b"-", b"\r", b"\n", b"a: b", b":", b"\xff"]
        )
        | st.binary(max_size=4),
        max_size=25,
    ).map(b"".join)
)
def test_any_input_gives_parts_or_a_refusal_the_same_in_any_split(whole: bytes) -> None:
    expected = parts([whole])
    assert parts(one_by_one(whole)) == expected
    for position in range(0, len(whole), 3):
        assert parts([whole[:position], whole[position:]]) == expected


def test_part_heads_are_read_in_any_case() -> None:
    found = parts([B + b"\r\nCONTENT-DISPOSITION: x; NAME=binary; FILEname=A.JPG\r\n\r\nx"])
    assert isinstance(found, list)
    part = found[0][0]
    assert (part.parameter("name"), part.parameter("filename")) == ("binary", "A.JPG")
    assert part.media_type == ""


def test_a_part_without_fields_and_folded_fields() -> None:
    found = parts([B + b"\r\n\r\nx\r\n" + B + b"\nA: b\n c\nstray\n\ny\r\n" + B + b"--"])
    assert found == [(Part({}), b"x"), (Part({"a": "b c"}), b"y")]


def test_the_preamble_is_no_part() -> None:
    assert data_of([b"preamble\r\n" + body(b"x", end=b"")]) == [b"x"]


@pytest.mark.parametrize(
    "whole",
    [
        b"",
        b"no delimiter at all",
        B,
        B + b"\r\nContent-Type: image",
        B + b"\r\n" + b"x" * (PART_HEAD_LIMIT + 1),
        B + b"\r\nA: " + b"x" * PART_HEAD_LIMIT + b"\r\n\r\n",
    ],
)
def test_a_body_without_parts_or_with_half_a_head_is_refused(whole: bytes) -> None:
    assert parts([whole]) == 400
    assert parts(one_by_one(whole)) == 400


LF_ENDINGS = {
    "closed": b"\n" + B + b"--\n",
    "closed without LF": b"\n" + B + b"--",
    "plain": b"\n" + B + b"\n",
    "bare": b"\n" + B,
    "cut": b"\n" + B[:4],
    "nothing": b"",
}


@pytest.mark.parametrize("end", LF_ENDINGS.values(), ids=LF_ENDINGS)
@pytest.mark.parametrize("start", [b"", b"preamble\n"])
def test_a_body_whose_lines_end_in_lf_alone(start: bytes, end: bytes) -> None:
    photos = [PHOTO, b"x\r", b"\n\n", b"y"]  # what looks like a line end is the photos' own
    head = HEAD.replace(b"\r\n", b"\n")
    whole = start + b"\n".join(B + b"\n" + head + b"\n" + photo for photo in photos) + end
    for pieces in (*splits(whole), one_by_one(whole)):
        assert data_of(pieces) == photos
    reader = Multipart(B[2:])
    list(reader.feed(whole))
    list(reader.end())
    assert "bare-lf" in reader.quirks


def test_one_crlf_in_the_first_head_makes_all_delimiters_need_one() -> None:
    first = B + b"\nA: b\r\n\n"
    assert data_of([first + b"x\n" + B + b"\n\ny\r\n" + B]) == [b"x\n" + B + b"\n\ny"]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("filename*=UTF-8''%EC%82%AC%EC%A7%84.JPG", "사진.JPG"),
        ("filename=x.JPG; filename*=utf-8'ko'%EC%82%AC.JPG", "사.JPG"),
        ("filename*=utf-8'ko'%EC%82%AC.JPG; filename=x.JPG", "사.JPG"),
        ("FileName*=EUC-KR''%BB%E7%C1%F8.JPG", "사진.JPG"),
        ("filename*=iso-8859-1''%E9.JPG", "é.JPG"),
        ("filename*=unheard-of''%EC%82%AC.JPG", "사.JPG"),
        ("filename*=ks_c_5601-1987''%FF.JPG", "ÿ.JPG"),
        ("filename*=%EC%82%AC.JPG", "사.JPG"),
        ("filename*=\"UTF-8''a b.JPG\"", "a b.JPG"),
        ("filename*=", ""),
    ],
)
def test_file_names_with_a_charset(value: str, name: str) -> None:
    assert parameters(f"form-data; {value}")["filename"] == name


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_value_has_parameters_that_can_be_written(value: str) -> None:
    for name, text in parameters(f"form-data; filename*=UTF-8''{value}; {value}").items():
        (name + text).encode()


@given(st.text(), st.sampled_from(["utf-8", "cp949"]))
def test_a_file_name_with_a_charset_is_read(name: str, charset: str) -> None:
    data = name.encode(charset, "ignore")
    value = f"form-data; filename*={charset}''{quote_from_bytes(data, safe='')}"
    assert parameters(value)["filename"] == data.decode(charset)


def test_boundaries() -> None:
    assert boundary(f"multipart/form-data; boundary={BOUNDARY.decode()}") == BOUNDARY
    assert boundary('Multipart/Form-Data;charset=x;Boundary="a b;c"') == b"a b;c"
    for value in ("", "text/plain; boundary=x", "multipart/form-data", "multipart/x; boundary="):
        with pytest.raises(Refused):
            boundary(value)
    with pytest.raises(Refused):
        boundary("multipart/form-data; boundary=" + "x" * 300)


def test_parameters_with_quotes_and_backslashes() -> None:
    value = r'form-data; name="a\"b\\c"; fileName="C:\DCIM\SAM.JPG" ;x=y'
    assert parameters(value) == {"name": r'a"b\c', "filename": r"C:\DCIM\SAM.JPG", "x": "y"}
