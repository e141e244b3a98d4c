"""Names and media types of photos."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shutterpost.camera.files import NAME_LIMIT, media_type, safe_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("SAM_0001.JPG", "SAM_0001.JPG"),
        ("사진 1.JPG", "사진 1.JPG"),
        ("it's.JPG", "it's.JPG"),
        ('a"b.JPG', "a_b.JPG"),
        ("../../etc/passwd", "passwd"),
        ("C:\\DCIM\\SAM.JPG", "SAM.JPG"),
        (".htaccess", "htaccess"),
        ("..", "photo"),
        ("", "photo"),
        ("/", "photo"),
        ("a\x00b\r\nc.JPG", "a_b__c.JPG"),
        ("x.JPG ", "x.JPG"),
        ("\u202egpj.exe", "_gpj.exe"),
    ],
)
def test_safe_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@given(st.text(max_size=400))
def test_any_name_becomes_one_that_is_safe_and_stays_so(name: str) -> None:
    safe = safe_name(name)
    assert safe
    assert not safe.startswith(".")
    assert "/" not in safe
    assert len(safe.encode()) <= NAME_LIMIT
    assert safe_name(safe) == safe


def test_a_long_name_keeps_its_suffix() -> None:
    hidden = safe_name("[" + "\0" * 106 + "." * 41 + ">" + "." * 50 + "\0" * 12)
    assert hidden == safe_name(hidden)
    assert safe_name("사" * 300 + ".JPG").endswith("사.JPG")


@pytest.mark.parametrize(
    ("name", "said", "kind"),
    [
        ("A.JPG", "image/pjpeg", "image/jpeg"),
        ("A.JPG", "", "image/jpeg"),
        ("A.MP4", "multipart/form-data", "video/mp4"),
        ("A.SRW", "image/jpeg", "image/x-samsung-srw"),
        ("photo", "image/pjpeg", "image/jpeg"),
        ("photo", "video/3gpp", "video/3gpp"),
        ("photo", "text/html", "application/octet-stream"),
        ("photo", "image/x\r\nX: y", "application/octet-stream"),
    ],
)
def test_media_types(name: str, said: str, kind: str) -> None:
    assert media_type(name, said) == kind
