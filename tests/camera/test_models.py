"""The table of models, and the proven replies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shutterpost.camera import replies
from shutterpost.camera.models import ALL_HOSTS, HOSTS, MODELS, MSN, YAHOO, Works, find_model
from shutterpost.wire.http import Refused
from tests.support import reply_body


def test_models_are_found_as_people_write_them() -> None:
    assert find_model("nx300").name == "NX300"
    assert find_model("NXmini") == find_model("nx-mini") == find_model("NX mini")
    assert find_model("wb37f").hosts == (*HOSTS, MSN)
    assert find_model("ST200F").hosts == (*HOSTS, YAHOO)
    assert find_model("WB250F").works is Works.TRY
    with pytest.raises(KeyError):
        find_model("EOS 5D")


def test_every_name_is_in_the_table_once() -> None:
    assert len({model.name for model in MODELS}) == len(MODELS) == 27
    assert {host for model in MODELS for host in model.hosts} == set(ALL_HOSTS)


def test_success_is_the_proven_reply() -> None:
    assert replies.success().body == reply_body("status-succ")
    assert replies.success().status == 200


def test_an_error_is_the_proven_reply() -> None:
    assert replies.error(Refused(401, "Login failed")).body == reply_body("error")


@given(st.text())
def test_no_reason_can_break_out_of_the_comment(why: str) -> None:
    body = replies.error(Refused(400, why)).body.decode()
    start = '<Response ErrCode="400" ErrSubCode="0" /><!-- '
    assert body.startswith(start)
    assert body.endswith(" -->")
    inside = body[len(start) : -len(" -->")]
    assert "--" not in inside
    assert not inside.endswith("-")
    assert "\n" not in inside


def test_every_reply_fits_one_segment() -> None:
    assert len(replies.error(Refused(400, "사" * 10_000)).encode(0.0)) < 1400
