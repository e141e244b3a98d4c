"""`mastodon` against a server that misbehaves."""

import asyncio
import copy
import dataclasses
import hashlib
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
from tests.far_ends import FakeMastodon

TEXT = "Holiday shot!~fancy flower bed~traffic sign"


class Attempt:
    """One delivery, tried as often as wanted."""

    def __init__(
        self, folder: Path, server: FakeMastodon, photos: int = 2, text: str = TEXT, **options: Any
    ) -> None:
        self.settings = Settings(
            url=server.url, token=Secret("t0ken"), postscript=" #photography", **options
        )
        self.progress: dict[str, object] = {}
        found = []
        for number in range(1, photos + 1):
            path = folder / f"{number}"
            data = b"photo %d" % number * 1000
            path.write_bytes(data)
            digest = hashlib.sha256(data).hexdigest()
            found.append(Photo(number, f"SAM_{number}.JPG", "image/jpeg", len(data), digest, path))
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

        return asyncio.run(Mastodon(self.settings, poll=0.01).deliver(delivery, note))

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
    outcome = Attempt(tmp_path, mastodon).run()
    [post] = mastodon.posts
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


def test_photos_that_are_still_processed_are_waited_for(
    mastodon: FakeMastodon, tmp_path: Path
) -> None:
    mastodon.polls = 3
    Attempt(tmp_path, mastodon).run()
    assert mastodon.asked.count("GET /api/v1/media/:id") == 8
    assert len(mastodon.posts) == 1


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
    mastodon.token = "other"
    with pytest.raises(MisconfiguredError):
        asyncio.run(verify(settings))
