"""Readers of single values: what each takes and means, and what it says to all else."""

import ipaddress
import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shutterpost.config import values
from shutterpost.config.values import Address, Secret

Read = Callable[[object], object]

TEXT = 'must be text in quotes, for example "text"'
LIST = 'must be a list of texts, for example ["one", "two"]'
PORT = "must be a port number from 1 to 65535, without quotes"
COUNT = "must be a number, without quotes"
DURATION = 'must be a time with its unit, for example "60 s" or "5 d"'
LONGER = "must be longer than nothing"
SIZE = 'must be a size with its unit, for example "25 MiB"'
BYTE = "must be at least one byte"
BOOLEAN = "must be true or false, without quotes"
LISTEN = 'must be an address and a port, for example "0.0.0.0:8080" or "[::]:8080"'
COMMAND = 'must begin with a program, for example ["./log.sh", "{filename}"]'
HOST = "must be a host name without http:// and without a port"
URL = 'must be a server\'s URL, for example "https://photog.social"'
MAIL = 'must be one bare e-mail address, for example "me@example.org"'
AUTO = 'must be an IP address or "auto"'
WORDS = 'must be one of "one", "two"'
FOLDER = "may only have letters, digits, '_', '-' and '.', and not begin with '.'"

auto = values.ip_or("auto")
words = values.one_of("one", "two")

MEANS: tuple[tuple[Read, object, object], ...] = (
    (values.string, "", ""),
    (values.string, " a\n", " a\n"),
    (values.secret, "s", Secret("s")),
    (values.boolean, True, True),
    (values.boolean, False, False),
    (values.strings, [], ()),
    (values.strings, ["a", ""], ("a", "")),
    (values.command, [], ()),
    (values.command, ["a", ""], ("a", "")),
    (values.port, 1, 1),
    (values.port, 65535, 65535),
    (values.count, 0, 0),
    (values.count, 10**9, 10**9),
    *((values.duration, f"1{space}s", 1) for space in ("", " ", "  ", "\t")),
    (values.duration, " 2 sec ", 2),
    (values.duration, "3 min", 180),
    (values.duration, "3 m", 180),
    (values.duration, "1.5 h", 5400),
    (values.duration, "2 d", 172_800),
    (values.duration, "1 w", 604_800),
    (values.duration, "0.000001 s", 0.000001),
    (values.duration, "999999999999 s", 999_999_999_999),
    (values.retention, "1 d", 86_400),
    (values.retention, "forever", math.inf),
    (values.time_limit, "1 d", 86_400),
    (values.time_limit, "off", math.inf),
    (values.size, "0 B", 0),
    (values.size, "1 B", 1),
    (values.size, "1.5 kB", 1500),
    (values.size, "2 KB", 2000),
    (values.size, "3 MB", 3_000_000),
    (values.size, "4 GB", 4_000_000_000),
    (values.size, "5 TB", 5_000_000_000_000),
    (values.size, "1 KiB", 1024),
    (values.size, "1 MiB", 1_048_576),
    (values.size, "1 GiB", 1_073_741_824),
    (values.size, "1 TiB", 1_099_511_627_776),
    (values.positive_size, "1 B", 1),
    (values.address, "0.0.0.0:0", Address("0.0.0.0", 0)),
    (values.address, "127.0.0.1:65535", Address("127.0.0.1", 65535)),
    (values.address, "[::1]:80", Address("::1", 80)),
    (values.address, ":::80", Address("::", 80)),
    (values.address, "localhost:80", Address("localhost", 80)),
    (values.address_or_off, "off", None),
    (values.address_or_off, "[::]:8080", Address("::", 8080)),
    (auto, "auto", "auto"),
    (auto, "192.168.1.2", "192.168.1.2"),
    (auto, "fe80::1", "fe80::1"),
    (values.networks, [], ()),
    (values.networks, ["private"], values.PRIVATE),
    (values.networks, ["any"], values.ANY),
    (
        *(values.networks, ["any", "10.1.0.0/16", "private"]),
        (*values.ANY, ipaddress.ip_network("10.1.0.0/16"), *values.PRIVATE),
    ),
    (values.networks, ["10.1.2.3"], (ipaddress.ip_network("10.1.2.3/32"),)),
    (values.cameras, [], ()),
    (values.cameras, ["NX300", "wb1100f"], ("NX300", "wb1100f")),
    *((values.host, name, name) for name in ("", "a", "a.b", "a.b.", "a-b.c", "1.2.3.4", "::1")),
    (values.host, "a" * 253 + "b", "a" * 253 + "b"),
    (values.url, "", ""),
    (values.url, "https://a.b", "https://a.b"),
    (values.url, "https://a.b/", "https://a.b"),
    (values.url, "http://[::1]:3000", "http://[::1]:3000"),
    (values.url, "http://a_b-c:65535", "http://a_b-c:65535"),
    (words, "one", "one"),
    (words, "two", "two"),
    (values.mail_address, "", ""),
    (values.mail_address, "a+b@c.d", "a+b@c.d"),
)

REFUSES: tuple[tuple[Read, str, tuple[object, ...]], ...] = (
    (values.string, TEXT, (1, True, None, [], {}, 1.5, ["a"])),
    (values.secret, TEXT, (1, True, [])),
    (values.boolean, BOOLEAN, (0, 1, "true", "", None, [])),
    (values.strings, LIST, ("a", 1, {}, ["a", 1], [["a"]], [None], {"a": "b"})),
    (values.command, LIST, ("a", [1])),
    (values.command, COMMAND, ([""], ["", "a"])),
    (values.port, PORT, (0, -1, 65536, "80", True, False, 1.0, None)),
    (values.count, COUNT, (-1, True, False, "1", 1.0, None)),
    (
        *(values.duration, DURATION),
        ("", "1", "s", "1 x", "1 S", "-1 s", "1,5 s", "1 s 2 m", "1. s", ".5 s", 1, None, True),
    ),
    (values.duration, DURATION, ("1234567890123 s", "0.1234567 s", "1 MB", "1 mins", "1 s\n1")),
    (values.duration, LONGER, ("0 s", "0.0 d")),
    (values.retention, DURATION, ("never", "Forever", 1)),
    (values.retention, LONGER, ("0 s",)),
    (values.time_limit, DURATION, ("Off", "on", False, 0)),
    (values.time_limit, LONGER, ("0 s",)),
    (values.size, SIZE, ("", "1", "B", "1 b", "1 s", "1 mb", "-1 B", 1, None, "1 PB", "1 kib")),
    (values.positive_size, SIZE, ("1", 1)),
    (values.positive_size, BYTE, ("0 B", "0.9 B")),
    (values.address, TEXT, (80, None, True)),
    (
        *(values.address, LISTEN),
        ("", "80", ":80", "a:80", "1.2.3.4", "1.2.3.4:", "1.2.3.4:x", "1.2.3.4:65536", "off"),
    ),
    (values.address, LISTEN, ("1.2.3.4:-1", "1.2.3.4:8٠", "1.2.3:80", "1.2.3.4:" + "9" * 5000)),
    (values.address, LISTEN, ("[::1:80", "::1]:80", "[1.2.3.4]:80", "[localhost]:80", "[::1]80")),
    (values.address_or_off, LISTEN, ("Off", "on", "")),
    (auto, AUTO, ("", "Auto", "1.2.3", "a.b", "1.2.3.4/8", "off")),
    (auto, TEXT, (1, None)),
    (values.networks, LIST, ("any", [1])),
    *(
        *(
            (
                values.networks,
                f'"{text}" is no network: write "private", "any", or for example "192.168.1.0/24"',
                ([text],),
            )
            for text in ("", "Private", "10.0.0.1/8", "a", "1.2.3")
        ),
    ),
    (values.cameras, LIST, ("NX300", [1])),
    (
        *(values.cameras, '"NX" is no known camera: see `shutterpost cameras`'),
        (["NX"], ["NX300", "NX"]),
    ),
    (values.host, HOST, ("http://a", "a:1", "a b", "-a", "a-", ".a", "a/b", "a@b", "a" * 255)),
    (values.host, TEXT, (1, None)),
    (values.url, URL, ("a.b", "ftp://a", "https://", "https://a/b", "https://a b", "https://u@a")),
    (values.url, URL, ("https://[", "https://a:65536", "https://a:b", "https://[x]", "HTTPS://a")),
    (values.url, URL, ("https://a//", "https://a?b", "https://a#b", "https://:80", "https://]")),
    (values.url, URL, ("https://[1.2.3.4]", "https://[:::]", "https://-a", "https://a-")),
    (values.url, TEXT, (1, None)),
    (words, WORDS, ("", "One", "three", 1, None, ["one"], True)),
    (values.mail_address, MAIL, ("a", "@", "a@", "@b", "a@b@c", "a b@c", "<a@b>", "a@b,c@d")),
    (values.mail_address, MAIL, ("a@b;c@d", "a@b\n", "A <a@b>", "a;b@c", "a@b c")),
    (values.mail_address, TEXT, (1, None)),
)


@pytest.mark.parametrize(("read", "value", "meaning"), MEANS, ids=str)
def test_what_a_value_means(read: Read, value: object, meaning: object) -> None:
    found = read(value)
    assert found == meaning
    assert type(found) is type(meaning) or isinstance(found, float)


@pytest.mark.parametrize(
    ("read", "said", "value"),
    [(read, said, value) for read, said, refused in REFUSES for value in refused],
    ids=lambda item: str(item)[:30],
)
def test_what_is_refused_and_why(read: Read, said: str, value: object) -> None:
    with pytest.raises(ValueError) as error:
        read(value)
    assert str(error.value) == said


@pytest.mark.parametrize("name", ["a", "_", "A-b_c.9", "a" * 64, "9", "_-"])
def test_folder_names(name: str) -> None:
    assert values.folder_name(name) == name


@pytest.mark.parametrize("name", ["", ".a", "-a", "a" * 65, "a/b", "..", "a b", "ä", "a\n"])
def test_names_that_no_folder_has(name: str) -> None:
    with pytest.raises(ValueError) as error:
        values.folder_name(name)
    assert str(error.value) == FOLDER


@pytest.mark.parametrize(
    ("address", "plain"),
    [
        ("192.168.1.2", "192.168.1.2"),
        ("::ffff:192.168.1.2", "192.168.1.2"),
        ("fe80::1%eth0", "fe80::1"),
        ("FE80:0::1", "fe80::1"),
    ],
)
def test_peers_addresses(address: str, plain: str) -> None:
    assert values.plain_address(address) == plain


def test_a_peer_without_an_address_is_refused() -> None:
    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 address"):
        values.plain_address("nowhere")


def test_which_networks_are_private() -> None:
    private = "10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.0 192.168.255.255 "
    private += "127.0.0.1 169.254.0.1 ::1 fe80::1 febf::1 fc00::1 fdff::1"
    public = "9.255.255.255 11.0.0.0 172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0 "
    public += "126.255.255.255 128.0.0.0 169.253.0.0 169.255.0.0 ::2 fec0::1 fe00::1 100.64.0.1"
    for text, expected in ((private, True), (public, False)):
        for address in map(ipaddress.ip_address, text.split()):
            assert any(address in network for network in values.PRIVATE) is expected, address
            assert any(address in network for network in values.ANY)


def test_a_secret_is_shown_to_nobody() -> None:
    full, empty = Secret("hunter2"), Secret("")
    assert full.reveal() == "hunter2"
    for shown in (repr(full), str(full), f"{full}", f"{full!r}", repr([full])):
        assert "hunter2" not in shown
    assert (repr(full), repr(empty)) == ("Secret('***')", "Secret('')")
    assert (bool(full), bool(empty)) == (True, False)
    assert full == Secret("hunter2")
    assert full != Secret("other")
    assert full != "hunter2"
    assert hash(full) == hash(Secret("hunter2"))
    assert len({full, Secret("hunter2"), empty}) == 2


def test_addresses_are_written_as_they_are_read() -> None:
    for text in ("1.2.3.4:5", "[::1]:80", "localhost:0"):
        assert str(values.address(text)) == text


READERS = {read for read, _, _ in (*MEANS, *REFUSES)}


@given(st.sampled_from(sorted(READERS, key=str)), st.text() | st.integers() | st.lists(st.text()))
def test_no_value_is_anything_but_read_or_refused_in_a_sentence(read: Read, value: object) -> None:
    try:
        read(value)
    except ValueError as error:
        assert str(error).startswith(("must be", '"', "must begin"))
