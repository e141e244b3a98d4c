"""The table of models, and the proven replies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shutterpost.camera import replies
from shutterpost.camera.models import (
    ALL_HOSTS,
    HOSTS,
    MODELS,
    MSN,
    YAHOO,
    Menu,
    Works,
    find_model,
    hosts_of,
    recognise,
)
from shutterpost.hosts import wanted
from shutterpost.wire.http import Refused
from tests.support import reply_body


def test_models_are_found_as_people_write_them() -> None:
    assert find_model("nx300").name == "NX300"
    assert find_model("NXmini") == find_model("nx-mini") == find_model("NX mini")
    assert find_model("wb37f").hosts == (*HOSTS, MSN)
    assert find_model("ST200F").hosts == (*HOSTS, YAHOO)
    for unknown in ("EOS 5D", "", "SMART CAMERA", "ST25i", "NX"):
        with pytest.raises(KeyError):
            find_model(unknown)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("WB1101F", "WB1100F"),
        ("wb1102f", "WB1100F"),
        ("SAMSUNG WB1100F/WB1101F/WB1102F", "WB1100F"),
        ("WB1100F/WB1101F/WB1102F", "WB1100F"),
        ("SMART CAMERA WB850F", "WB850F"),
        ("SMART CAMERA NX mini", "NX mini"),
        ("SAMSUNG NX300M", "NX300M"),
        ("CL65", "ST1000"),
        ("QF30", "HMX-QF30"),
    ],
)
def test_models_are_found_as_cameras_call_themselves(said: str, name: str) -> None:
    assert find_model(said).name == name
    found = recognise(f"Mozilla/5.0 ({said}) SamsungBrowser")
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("name", ["WB250F", "ST150F", "ST80", "DV180F", "EX1", "MV900F"])
def test_an_unlisted_compact_may_ask_for_both_extra_names(name: str) -> None:
    model = find_model(f"samsung {name.lower()}")
    assert (model.name, model.works) == (name, Works.TRY)
    assert model.hosts == (*HOSTS, YAHOO, MSN)
    assert hosts_of([name]) == model.hosts
    assert wanted("192.0.2.1", model).names == model.hosts


def test_every_name_is_in_the_table_once() -> None:
    names = [name for model in MODELS for name in (model.name, *model.other_names)]
    assert len(set(names)) == len(names)
    assert len(MODELS) == 27
    assert {host for model in MODELS for host in model.hosts} == set(ALL_HOSTS)


def test_what_the_models_have_is_in_columns() -> None:
    menus = {model.name: model.menus for model in MODELS if len(model.menus) < 2}
    assert menus == {
        "NX3000": (),
        "NX1000": (Menu.EMAIL,),
        "NX1100": (Menu.EMAIL,),
        "NX2000": (Menu.EMAIL,),
        "NX500": (Menu.EMAIL,),
    }
    assert [model.name for model in MODELS if model.cookie_only] == ["WB37F"]
    assert find_model("NX3000").works is Works.NO
    assert find_model("NX300M").own_names == "SD card with autoexec.sh (firmware 1.10)"
    assert find_model("NX300").own_names == "SD card with autoexec.sh"
    assert find_model("NX3000").remarks == ("has neither e-mail nor social sites",)
    assert find_model("NX1000").remarks == ("e-mail only",)
    assert find_model("WB37F").remarks == ("takes only the cookie answer",)


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
