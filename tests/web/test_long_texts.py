"""Texts as long as an e-mail may have: shown, and neither the page nor its readers suffer."""

from shutterpost.web.words import people
from tests.conftest import StartServer
from tests.support import email_body, email_request, eventually
from tests.web.test_page import owner_of

WORDS = "word " * 40_000
"""200,000 bytes; a whole message may have 256 KiB."""
TILDES = "Dunes~" + "~" * 240_000
RECEIVERS = tuple(f"{'a' * 60}{number}@example.org" for number in range(100))


def test_a_page_of_long_texts_is_short(start_server: StartServer) -> None:
    server = start_server()
    for number in range(48):
        body = email_body(
            (f"SAM_{number:04}.JPG", b"\xff\xd8" + bytes([number])),
            text=TILDES if number % 2 else WORDS,
            receivers=RECEIVERS if number < 24 else ("a@example.org",),
        )
        assert server.ask(email_request(body)).status == 200
    owner = owner_of(server)
    eventually(lambda: "SAM_0047.JPG" in owner.get("/").text)
    page = owner.get("/")
    assert page.text.count('class="card"') == 48
    assert "word word" in page.text
    assert "Dunes" in page.text
    assert "and 97 more" in page.text
    assert len(page.data) < 200_000
    assert WORDS.strip() in owner.get("/photos/1").text  # the whole of it, where it is alone
    assert RECEIVERS[99] in owner.get("/photos/1").text
    assert len(owner.get("/photos/2").data) < 20_000 + len(TILDES)


def test_people_are_some_and_how_many_more() -> None:
    assert people([]) == ""
    assert people(["a", "b", "c"]) == "a, b, c"
    assert people(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
