"""`mastodon` against a server that misbehaves."""

import asyncio
import copy
import dataclasses
import hashlib
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from shutterpost.actions import (
    DeliveryError,
    MisconfiguredError,
    Outcome,
    PermanentError,
    TemporaryError,
)
from shutterpost.actions.mastodon import Mastodon, verify
from shutterpost.config.settings import Mastodon as Settings
from shutterpost.config.values import Secret
from shutterpost.model import Delivery, Photo, Shipment
from tests.far_ends import FakeMastodon, Raw

VIDEO, JPEG = "video/mp4", "image/jpeg"
TEXT = "Holiday shot!~fancy flower bed~traffic sign"


class Attempt:
    """One delivery, tried as often as wanted."""

    def __init__(
        self,
        folder: Path,
        server: FakeMastodon,
        photos: int = 2,
        text: str = TEXT,
        kinds: Sequence[str] = (),
        **options: Any,
    ) -> None:
        self.settings = Settings(
            url=server.url, token=Secret("t0ken"), postscript=" #photography", **options
        )
        self.progress: dict[str, object] = {}
        self.processing_limit = 60.0
        found = []
        for number in range(1, photos + 1):
            path = folder / f"{number}"
            data = b"photo %d" % number * 1000
            path.write_bytes(data)
            digest = hashlib.sha256(data).hexdigest()
            kind = kinds[number - 1] if kinds else "image/jpeg"
            name = f"SAM_{number}.{'MP4' if kind == VIDEO else 'JPG'}"
            found.append(Photo(number, name, kind, len(data), digest, path))
        self.shipment = Shipment(1, "me", "", (), "facebook", "", text, "NX300", 0.0, tuple(found))

    def run(self) -> Outcome:
        delivery = Delivery(
            *(1, "key", "mastodon", ("facebook",), 1, 0.0),
            self.shipment,
            self.shipment.photos,
            copy.deepcopy(self.progress),
        )

        async def note(progress: dict[str, object], store: Sequence[Photo] = ()) -> None:
            self.progress = copy.deepcopy(progress)

        action = Mastodon(self.settings, poll=0.01, processing_limit=self.processing_limit)
        return asyncio.run(action.deliver(delivery, note))

    def run_until_done(self, tries: int = 20) -> Outcome:
        for _ in range(tries):
            try:
                return self.run()
            except TemporaryError:
                continue
        raise AssertionError("it never succeeded")


def test_one_post_with_its_photos_and_alt_texts_in_order(
    mastodon: FakeMastodon, tmp_path: Path
) -> None:
    attempt = Attempt(tmp_path, mastodon)
    outcome = attempt.run()
    [post] = mastodon.posts
    made = {"id": "1", "url": f"{mastodon.url}/@me/1", "photos": [1, 2]}
    assert attempt.progress == {"media": {"1": "1", "2": "2"}, "posts": [made]}
    assert post["status"] == "Holiday shot!\n\n📷️ NX300\n\n#photography"
    assert post["visibility"] == "unlisted"
    found = [mastodon.media[id] for id in post["media_ids"]]
    assert [media.description for media in found] == ["fancy flower bed", "traffic sign"]
    assert [media.data[:7] for media in found] == [b"photo 1", b"photo 2"]
    assert {media.media_type for media in found} == {"image/jpeg"}
    assert outcome.receipt == f"{mastodon.url}/@me/1"


def test_the_model_is_taken_from_the_photo_when_the_camera_does_not_say_it(
    mastodon: FakeMastodon, tmp_path: Path
) -> None:
    from tests.support import PHOTO

    attempt = Attempt(tmp_path, mastodon, photos=1, text="Hi~alt")
    attempt.shipment = dataclasses.replace(attempt.shipment, camera="")
    attempt.shipment.photos[0].path.write_bytes(PHOTO)
    attempt.run()
    assert mastodon.posts[0]["status"].startswith("Hi\n\n📷️ NX300\n\n")


def test_the_cameras_line_can_be_switched_off(mastodon: FakeMastodon, tmp_path: Path) -> None:
    attempt = Attempt(tmp_path, mastodon)
    attempt.settings = dataclasses.replace(attempt.settings, camera=False)
    attempt.run()
    assert mastodon.posts[0]["status"] == "Holiday shot!\n\n#photography"


def test_photos_that_are_still_processed_are_waited_for(
    mastodon: FakeMastodon, tmp_path: Path
) -> None:
    mastodon.polls = 3
    Attempt(tmp_path, mastodon).run()
    assert mastodon.asked.count("GET /api/v1/media/:id") == 8
    assert len(mastodon.posts) == 1


def test_photos_that_are_processed_at_once_are_not_asked_for(
    mastodon: FakeMastodon, tmp_path: Path
) -> None:
    mastodon.media_told = False  # takahe: that wants another scope than posting does
    Attempt(tmp_path, mastodon, photos=6).run()
    assert "GET /api/v1/media/:id" not in mastodon.asked
    assert len(mastodon.posts) == 2


def test_a_server_that_does_not_tell_how_far_a_photo_is_gets_its_post(
    mastodon: FakeMastodon, tmp_path: Path
) -> None:
    mastodon.media_told = False
    mastodon.script = {"POST /api/v1/statuses": [503]}
    Attempt(tmp_path, mastodon).run_until_done()
    assert len(mastodon.posts) == 1
    assert mastodon.uploads == 2


def test_a_photo_that_is_never_processed_ends(mastodon: FakeMastodon, tmp_path: Path) -> None:
    mastodon.polls = 10**9
    attempt = Attempt(tmp_path, mastodon)
    attempt.processing_limit = 0.05
    for _ in range(2):
        with pytest.raises(TemporaryError, match=r"still processing a photo, SAM_1\.JPG"):
            attempt.run()
    assert (mastodon.uploads, mastodon.posts) == (1, [])


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("status", [422, 400])
def test_a_post_whose_photos_are_not_ready_or_gone_is_made_in_the_end(
    mastodon: FakeMastodon, tmp_path: Path, language: str, status: int
) -> None:
    """Whatever the server's language and status: it is asked for the photos."""
    mastodon.language, mastodon.attached_status = language, status
    attempt = Attempt(tmp_path, mastodon)
    mastodon.script = {"POST /api/v1/statuses": [503]}
    with pytest.raises(TemporaryError):
        attempt.run()
    del mastodon.media["1"]
    mastodon.media["2"].polls = 1
    attempt.processing_limit = -1.0  # as if it had waited long enough
    with pytest.raises(TemporaryError, match=r"uploaded again|still processing"):
        attempt.run()
    attempt.run_until_done()
    [post] = mastodon.posts
    shown = [mastodon.media[id].description for id in post["media_ids"]]
    assert shown == ["fancy flower bed", "traffic sign"]
    assert mastodon.uploads == 3


def test_words_about_media_are_no_reason_to_upload_again(
    mastodon: FakeMastodon, tmp_path: Path
) -> None:
    mastodon.characters = 30
    mastodon.instance = {}  # it does not say how long a text may be
    with pytest.raises(PermanentError, match="Text character limit of 30 exceeded"):
        Attempt(tmp_path, mastodon, text="media " * 50).run()
    assert mastodon.uploads == 2


def test_a_made_post_is_noted_before_the_next_one(mastodon: FakeMastodon, tmp_path: Path) -> None:
    mastodon.script = {"POST /api/v1/statuses": [None, 500, 500]}
    mastodon.knows_keys = False
    attempt = Attempt(tmp_path, mastodon, photos=9)
    with pytest.raises(TemporaryError):
        attempt.run()
    assert [post["id"] for post in attempt.progress["posts"]] == ["1"]  # type: ignore[attr-defined]
    attempt.run_until_done()
    assert [len(post["media_ids"]) for post in mastodon.posts] == [4, 4, 1]


@pytest.mark.parametrize("knows_keys", [True, False])
@pytest.mark.parametrize("status", [422, 400])
def test_a_post_whose_answer_was_lost_is_not_made_again(
    mastodon: FakeMastodon, tmp_path: Path, knows_keys: bool, status: int
) -> None:
    mastodon.knows_keys, mastodon.attached_status = knows_keys, status
    mastodon.script = {"POST /api/v1/statuses": ["drop-after", None, "drop-after"]}
    outcome = Attempt(tmp_path, mastodon, photos=9).run_until_done()
    assert [len(post["media_ids"]) for post in mastodon.posts] == [4, 4, 1]
    assert [post.get("in_reply_to_id") for post in mastodon.posts] == [None, "1", "2"]
    assert mastodon.uploads == 9
    assert outcome.receipt == f"{mastodon.url}/@me/1"


def test_a_token_that_may_not_read_is_good_enough_where_keys_are_known(
    mastodon: FakeMastodon, tmp_path: Path
) -> None:
    mastodon.scopes = frozenset(("write:statuses", "write:media"))
    mastodon.script = {"POST /api/v1/statuses": ["drop-after"]}
    Attempt(tmp_path, mastodon).run_until_done()
    assert len(mastodon.posts) == 1
    assert mastodon.uploads == 2


def test_an_instance_that_takes_fewer_files_meanwhile_shows_each_photo_once(
    mastodon: FakeMastodon, tmp_path: Path
) -> None:
    mastodon.script = {"POST /api/v1/statuses": [None, 500]}
    attempt = Attempt(tmp_path, mastodon, photos=9)
    with pytest.raises(TemporaryError):
        attempt.run()
    mastodon.max_media = 5
    attempt.run_until_done()
    shown = [id for post in mastodon.posts for id in post["media_ids"]]
    assert shown == [str(number) for number in range(1, 10)]


def test_progress_of_the_first_release_is_understood(
    mastodon: FakeMastodon, tmp_path: Path
) -> None:
    attempt = Attempt(tmp_path, mastodon, photos=6)
    mastodon.script = {"POST /api/v1/statuses": [None, 500]}
    with pytest.raises(TemporaryError):
        attempt.run()
    posts: list[dict[str, Any]] = attempt.progress["posts"]  # type: ignore[assignment]
    del posts[0]["photos"], attempt.progress["posting"]
    attempt.run()
    assert [len(post["media_ids"]) for post in mastodon.posts] == [4, 2]


def test_a_video_has_a_post_of_its_own(mastodon: FakeMastodon, tmp_path: Path) -> None:
    kinds = [JPEG, VIDEO, JPEG, VIDEO]
    text = "Hi~one~two~three~four"
    Attempt(tmp_path, mastodon, photos=4, text=text, kinds=kinds).run()
    shown = [
        [mastodon.media[id].description for id in post["media_ids"]] for post in mastodon.posts
    ]
    assert shown == [["one", "three"], ["two"], ["four"]]
    assert [post.get("in_reply_to_id") for post in mastodon.posts] == [None, "1", "2"]
    assert mastodon.posts[2]["status"] == "3/3"


def test_files_that_a_server_does_not_take_are_named_and_the_others_posted(
    mastodon: FakeMastodon, tmp_path: Path
) -> None:
    mastodon.types = ("image/jpeg", "image/png")
    attempt = Attempt(tmp_path, mastodon, photos=3, kinds=[JPEG, VIDEO, "image/x-samsung-srw"])
    for _ in range(2):  # a person's retry posts nothing again
        with pytest.raises(PermanentError) as error:
            attempt.run()
    assert str(error.value) == (
        f"{mastodon.url} does not take SAM_2.MP4 (video/mp4), SAM_3.JPG (image/x-samsung-srw), "
        f"but image/jpeg, image/png; the others are posted: {mastodon.url}/@me/1"
    )
    assert [post["media_ids"] for post in mastodon.posts] == [["1"]]
    with pytest.raises(PermanentError, match=r"but image/jpeg, image/png$"):
        Attempt(tmp_path, mastodon, photos=1, kinds=[VIDEO]).run()
    assert len(mastodon.posts) == 1


def test_alt_texts_are_cut_at_a_word_where_the_server_says(
    mastodon: FakeMastodon, tmp_path: Path
) -> None:
    mastodon.description_limit = 30
    Attempt(tmp_path, mastodon, photos=2, text=f"Hi~{'flower ' * 9}~{'x' * 40}").run()
    found = [media.description for media in mastodon.media.values()]
    assert found == ["flower flower flower flower…", "x" * 29 + "…"]


def test_who_asks_says_who_it_is(mastodon: FakeMastodon, tmp_path: Path) -> None:
    from shutterpost import __version__

    Attempt(tmp_path, mastodon).run()
    for headers in mastodon.headers:
        assert headers["accept"] == "application/json"
        assert re.fullmatch(
            rf"Shutterpost/{re.escape(__version__)} \(\+https://\S+\)", headers["user-agent"]
        )


HTML = {"Content-Type": "text/html; charset=utf-8"}
PAGE = b"<!DOCTYPE html><html><title>Some page</title>" + b"<p>words</p>" * 99


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Raw(200, HTML, PAGE), MisconfiguredError),
        (Raw(404, HTML, PAGE), MisconfiguredError),
        (Raw(301, {"Location": "https://elsewhere.example/"}, b""), MisconfiguredError),
        (Raw(302, HTML | {"Location": "/login"}, PAGE), MisconfiguredError),
        (Raw(413, HTML, PAGE), PermanentError),
        (Raw(502, HTML, PAGE), TemporaryError),
        (Raw(200, {"Content-Type": "application/json"}, b"[" * 500_000), TemporaryError),
        (Raw(200, {"Content-Type": "application/json"}, b'{"id": null}'), TemporaryError),
        (Raw(200, {"Content-Type": "application/json"}, b"null"), TemporaryError),
    ],
)
@pytest.mark.parametrize("step", ["POST /api/v2/media", "POST /api/v1/statuses"])
def test_answers_of_something_else_than_the_server(
    mastodon: FakeMastodon, tmp_path: Path, answer: Raw, error: type[DeliveryError], step: str
) -> None:
    mastodon.script = {step: [answer]}
    with pytest.raises(DeliveryError) as found:
        Attempt(tmp_path, mastodon).run()
    assert type(found.value) is error
    assert "<" not in str(found.value)
    assert "t0ken" not in str(found.value)


def test_no_redirect_is_followed_with_the_token(mastodon: FakeMastodon, tmp_path: Path) -> None:
    where = f"{mastodon.url}/api/v1/elsewhere"
    mastodon.script = {"GET /api/v2/instance": [(307, {"Location": where})]}
    with pytest.raises(MisconfiguredError, match="elsewhere is where it leads"):
        Attempt(tmp_path, mastodon).run()
    assert mastodon.asked == ["GET /api/v2/instance"]


@pytest.mark.parametrize("found", [None, [], 7, {"configuration": None}])
@pytest.mark.parametrize("status", [200, 404])
def test_an_instance_that_says_nothing_useful_is_a_usual_one(
    mastodon: FakeMastodon, tmp_path: Path, found: Any, status: int
) -> None:
    data = json.dumps(found).encode()
    json_type = {"Content-Type": "application/json"}
    mastodon.script = {
        "GET /api/v2/instance": [Raw(status, json_type, data)],
        "GET /api/v1/instance": [Raw(200, json_type, data)],
    }
    Attempt(tmp_path, mastodon, photos=5).run()
    assert [len(post["media_ids"]) for post in mastodon.posts] == [4, 1]


@pytest.mark.parametrize("missing", [404, Raw(404, HTML, PAGE), 405])
def test_the_older_question_is_asked_where_the_newer_is_not_known(
    mastodon: FakeMastodon, tmp_path: Path, missing: Any
) -> None:
    mastodon.max_media = 2
    mastodon.script = {"GET /api/v2/instance": [missing]}
    Attempt(tmp_path, mastodon, photos=3).run()
    assert [len(post["media_ids"]) for post in mastodon.posts] == [2, 1]


def test_the_spools_file_is_gone(mastodon: FakeMastodon, tmp_path: Path) -> None:
    attempt = Attempt(tmp_path, mastodon)
    attempt.shipment.photos[0].path.unlink()
    with pytest.raises(PermanentError, match=r"SAM_1\.JPG is no longer in the spool"):
        attempt.run()


def test_trouble_at_every_step_ends_with_exactly_one_post(
    mastodon: FakeMastodon, tmp_path: Path
) -> None:
    trouble = [429, 500, "drop", 503, "drop-after", 408]
    mastodon.polls = 1
    mastodon.script = {
        "GET /api/v2/instance": [500, "drop"],
        "POST /api/v2/media": list(trouble),
        "GET /api/v1/media/:id": [500, "drop", 429],
        "POST /api/v1/statuses": list(trouble),
    }
    Attempt(tmp_path, mastodon).run_until_done()
    [post] = mastodon.posts
    found = [mastodon.media[id].description for id in post["media_ids"]]
    assert found == ["fancy flower bed", "traffic sign"]
    assert len(mastodon.media) == 3  # the one whose answer was dropped was made twice


def test_uploads_are_not_repeated(mastodon: FakeMastodon, tmp_path: Path) -> None:
    mastodon.script = {"POST /api/v1/statuses": [500, 500]}
    Attempt(tmp_path, mastodon).run_until_done()
    assert len(mastodon.media) == 2


def test_photos_that_the_server_forgot_are_uploaded_again(
    mastodon: FakeMastodon, tmp_path: Path
) -> None:
    attempt = Attempt(tmp_path, mastodon)
    mastodon.script = {"POST /api/v1/statuses": [500]}
    with pytest.raises(TemporaryError):
        attempt.run()
    mastodon.media.clear()
    attempt.run_until_done()
    assert len(mastodon.posts) == 1


def test_more_photos_than_a_post_takes_become_a_thread(
    mastodon: FakeMastodon, tmp_path: Path
) -> None:
    mastodon.script = {"POST /api/v1/statuses": [None, 500]}
    text = "Many" + "".join(f"~alt {n}" for n in range(1, 10))
    Attempt(tmp_path, mastodon, photos=9, text=text).run_until_done()
    assert [len(post["media_ids"]) for post in mastodon.posts] == [4, 4, 1]
    assert [post.get("in_reply_to_id") for post in mastodon.posts] == [None, "1", "2"]
    assert mastodon.posts[1]["status"] == "2/3"
    order = [mastodon.media[id].description for post in mastodon.posts for id in post["media_ids"]]
    assert order == [f"alt {n}" for n in range(1, 10)]


def test_a_text_that_is_too_long_is_cut_and_alt_texts_are_not(
    mastodon: FakeMastodon, tmp_path: Path
) -> None:
    mastodon.characters = 60
    alt = "very " * 100 + "long"
    Attempt(tmp_path, mastodon, photos=1, text=f"{'word ' * 50}~{alt}").run()
    [post] = mastodon.posts
    assert len(post["status"]) <= 60
    assert "word…\n\n📷️ NX300" in post["status"]
    assert mastodon.media["1"].description == alt


def test_missing_alt_texts_are_left_empty(mastodon: FakeMastodon, tmp_path: Path) -> None:
    Attempt(tmp_path, mastodon, text="Hi~one").run()
    assert [media.description for media in mastodon.media.values()] == ["one", None]


def test_photos_of_a_later_shipment_have_the_alt_texts_after_the_first(
    mastodon: FakeMastodon, tmp_path: Path
) -> None:
    attempt = Attempt(tmp_path, mastodon, photos=1)
    attempt.shipment = dataclasses.replace(attempt.shipment, photos_before=1)
    attempt.run()
    assert mastodon.media["1"].description == "traffic sign"


def test_a_wrong_token_is_a_matter_of_configuration(mastodon: FakeMastodon, tmp_path: Path) -> None:
    mastodon.token = "other"
    with pytest.raises(MisconfiguredError, match="401") as error:
        Attempt(tmp_path, mastodon).run()
    assert "t0ken" not in str(error.value)


@pytest.mark.parametrize(
    ("mood", "error"), [(413, PermanentError), (404, PermanentError), (403, MisconfiguredError)]
)
def test_lasting_errors(
    mastodon: FakeMastodon, tmp_path: Path, mood: int, error: type[DeliveryError]
) -> None:
    mastodon.script = {"POST /api/v2/media": [mood]}
    with pytest.raises(error):
        Attempt(tmp_path, mastodon).run()


def test_what_the_server_rejects_for_good(mastodon: FakeMastodon, tmp_path: Path) -> None:
    mastodon.script = {"POST /api/v1/statuses": [422]}
    with pytest.raises(PermanentError, match="told to say 422"):
        Attempt(tmp_path, mastodon).run()


def rate_limits() -> list[tuple[dict[str, str], float]]:
    soon = datetime.now(UTC) + timedelta(seconds=100)
    return [
        ({"Retry-After": "100"}, 100),
        ({"Retry-After": format_datetime(soon, usegmt=True)}, 100),
        ({"X-RateLimit-Reset": soon.isoformat()}, 100),
        ({"X-RateLimit-Reset": soon.isoformat().replace("+00:00", "Z")}, 100),
    ]


@pytest.mark.parametrize("which", range(4))
def test_rate_limits_are_honoured(mastodon: FakeMastodon, tmp_path: Path, which: int) -> None:
    headers, wait = rate_limits()[which]
    mastodon.script = {"POST /api/v2/media": [(429, headers)]}
    with pytest.raises(TemporaryError) as error:
        Attempt(tmp_path, mastodon).run()
    assert error.value.retry_after == pytest.approx(wait, abs=3)


def test_nonsense_in_rate_limits_is_passed_over(mastodon: FakeMastodon, tmp_path: Path) -> None:
    mastodon.script = {"POST /api/v2/media": [(429, {"Retry-After": "soon"})]}
    with pytest.raises(TemporaryError) as error:
        Attempt(tmp_path, mastodon).run()
    assert error.value.retry_after is None


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    server = FakeMastodon(url="http://127.0.0.1:1")
    with pytest.raises(TemporaryError, match="cannot be reached"):
        Attempt(tmp_path, server).run()


def test_two_posts_through_an_instance_leave_the_defaults_visibility_as_it_was(
    mastodon: FakeMastodon, tmp_path: Path
) -> None:
    from shutterpost.config import load

    (tmp_path / "config.toml").write_text(
        f'[mastodon]\nurl = "{mastodon.url}"\ntoken = "t0ken"\n[mastodon.pub]\n'
        'visibility = "public"\n'
    )
    config = load(tmp_path / "config.toml", {})
    for instance in ("pub", "pub", ""):
        attempt = Attempt(tmp_path, mastodon, photos=1, text=f"Hi {len(mastodon.posts)}~alt")
        attempt.settings = config.mastodon[instance]
        mastodon.keys.clear()
        attempt.run()
    assert [post["visibility"] for post in mastodon.posts] == ["public", "public", "unlisted"]


def test_a_token_is_verified(mastodon: FakeMastodon) -> None:
    settings = Settings(url=mastodon.url, token=Secret("t0ken"))
    assert asyncio.run(verify(settings)) == "Shutterpost"
    mastodon.script = {"GET /api/v1/apps/verify_credentials": [401, 403, 403]}
    assert asyncio.run(verify(settings)) == "@me"
    assert asyncio.run(verify(settings)) == "@me"
    mastodon.scopes = frozenset(("write:statuses", "write:media"))
    assert asyncio.run(verify(settings)) == ""
    mastodon.token = "other"
    with pytest.raises(MisconfiguredError):
        asyncio.run(verify(settings))
