"""What a post says, and how it is cut."""

from hypothesis import given
from hypothesis import strategies as st

from shutterpost.actions.post import compose, cut, groups, length
from shutterpost.images.details import camera_model
from shutterpost.model import caption
from tests.support import RECORDINGS


def test_text_camera_and_postscript() -> None:
    assert compose("Holiday shot!", "NX300", " #photography #SamsungNX", 500) == (
        "Holiday shot!\n\n📷️ NX300\n\n#photography #SamsungNX"
    )
    assert compose("Hi", "", "", 500) == "Hi"
    assert compose("", "NX300", "", 500) == "📷️ NX300"


def test_only_the_text_is_cut_at_a_word_with_an_ellipsis() -> None:
    post = compose("one two three four five", "NX300", "#tag", 28)
    assert post == "one two…\n\n📷️ NX300\n\n#tag"
    assert length(post) <= 28
    assert compose("x" * 100, "", "#t", 20) == "x" * 15 + "…\n\n#t"


def test_links_count_as_mastodon_counts_them() -> None:
    assert length("see https://example.org/" + "x" * 200) == 27
    assert length("http://a.b") == 23


@given(st.text(max_size=300), st.integers(30, 200))
def test_a_post_is_never_too_long(text: str, limit: int) -> None:
    post = compose(text, "NX300", "#tag", limit)
    assert length(post) <= limit
    assert post.endswith("📷️ NX300\n\n#tag")


def test_captions() -> None:
    assert caption("Holiday shot!~fancy flower bed~ traffic sign") == caption(
        " Holiday shot! ~ fancy flower bed~traffic sign"
    )
    assert caption("a~b").alt_texts == ("b",)
    assert caption("plain").alt_texts == ()


def test_the_cameras_model_is_in_the_photo(tmp_path: object) -> None:
    assert camera_model(RECORDINGS / "SAM_4371.JPG") == "NX300"
    assert camera_model(RECORDINGS / "sns-logout.http") == ""


@given(st.text(alphabet="ab :/htps.\n", max_size=300), st.integers(0, 60), st.integers(1, 30))
def test_what_is_cut_fits_and_is_the_texts_beginning(text: str, room: int, url: int) -> None:
    for found, measured in ((cut(text, room), len), (cut(text, room, url), length)):
        assert found == text or measured(found) <= max(room, 0) or measured is length
        assert text.startswith(found.removesuffix("…"))
    assert length(cut(text, room, url), url) <= room or text == "" or cut(text, room, url) == ""


@given(
    st.lists(st.sampled_from(["image/jpeg", "video/mp4", "audio/mpeg", "x/y"])), st.integers(1, 6)
)
def test_each_file_is_in_one_post_and_videos_are_alone(kinds: list[str], most: int) -> None:
    found = groups(kinds, most)
    assert sorted(index for group in found for index in group) == list(range(len(kinds)))
    for group in found:
        assert 0 < len(group) <= most
        assert group == sorted(group)
        assert len(group) == 1 or all(kinds[index] in ("image/jpeg", "x/y") for index in group)
