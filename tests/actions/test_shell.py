"""`shell`: what a command is given, and what its end means."""

import asyncio
import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shutterpost.actions import MisconfiguredError, Outcome, PermanentError, TemporaryError
from shutterpost.actions.shell import Shell, arguments
from shutterpost.actions.store import Store
from shutterpost.config.placeholders import filled
from shutterpost.config.settings import Shell as Settings
from shutterpost.config.values import Secret
from shutterpost.model import Delivery, Photo, Shipment
from shutterpost.photos_folder import PhotosFolder
from tests.hanging import disk, frozen, hanging
from tests.support import eventually, need

SHOW = "import sys, json; json.dump([sys.argv[1:], sys.stdin.read()], open('out.json', 'a'))"


@pytest.fixture
def delivering(tmp_path: Path) -> Callable[..., Coroutine[Any, Any, Outcome]]:
    async def deliver(
        *cmd: str,
        text: str = "body",
        to: tuple[str, ...] = ("a@b.c",),
        kept: dict[str, object] | None = None,
        instance: str = "",
        folder: Path = tmp_path,
        start_limit: float = 20.0,
        **settings: Any,
    ) -> Outcome:
        path = tmp_path / "spooled"
        path.write_bytes(b"photo")
        photo = Photo(1, "A.JPG", "image/jpeg", 5, hashlib.sha256(b"photo").hexdigest(), path)
        shipment = Shipment(1, "me@x.y", "", to, "", "-subject", text, "", 0.0, (photo,))
        before = dict(kept or {})
        delivery = Delivery(1, "key", "shell", to, 1, 0.0, shipment, (photo,), before)

        async def note(progress: dict[str, Any], store: Sequence[Photo] = ()) -> None:
            assert kept is not None, "there is nothing to note"
            kept.update(json.loads(json.dumps(progress)))

        photos = PhotosFolder(tmp_path / "photos", tmp_path, 0)
        store = Store(photos, Secret("s"), instance)
        chosen = Settings(cmd=cmd, **{"timeout": 20.0, **settings})
        shell = Shell(chosen, folder, store.store, start_limit)
        return await shell.deliver(delivery, note)

    return deliver


@pytest.fixture
def run(delivering: Callable[..., Coroutine[Any, Any, Outcome]]) -> Callable[..., Outcome]:
    return lambda *cmd, **options: asyncio.run(delivering(*cmd, **options))


def shown(tmp_path: Path) -> tuple[list[str], str]:
    arguments, stdin = json.loads((tmp_path / "out.json").read_text())
    return arguments, stdin


def test_a_command_gets_its_values_and_runs_in_the_configurations_folder(
    run: Callable[..., Outcome], tmp_path: Path
) -> None:
    outcome = run(
        *(sys.executable, "-c", SHOW, "{sender}", "to={recipient}", "{filename}", "{subject}"),
        stdin="From: {sender}\n{body} {unknown} {{body}}\n",
    )
    given, stdin = shown(tmp_path)
    [stored] = (tmp_path / "photos").rglob("*.JPG")
    assert given == ["me@x.y", "to=a@b.c", str(stored), " -subject"]
    assert stdin == "From: me@x.y\nbody {unknown} {body}\n"
    assert stored.read_bytes() == b"photo"
    assert str(stored) in outcome.receipt


def test_text_is_passed_as_it_is_after_two_dashes() -> None:
    values = {"subject": "-rf", "body": "--help", "filename": "/x"}
    assert arguments(["cmd", "--", "{subject}"], values) == ["cmd", "--", "-rf"]
    assert arguments(["cmd", "{subject}", "{body}"], values) == ["cmd", " -rf", " --help"]
    assert arguments(["cmd", "-m{body}", "--x={body}"], values) == [
        "cmd",
        "-m--help",
        "--x=--help",
    ]


@given(st.text(), st.text())
def test_a_value_is_never_more_than_its_argument(subject: str, body: str) -> None:
    values = {"subject": subject, "body": body, "filename": "/x"}
    template = ["cmd", "a{subject}b{body}", "{body}"]
    found = arguments(template, values)
    assert len(found) == 3
    assert found[1] == f"a{subject}b{body}"
    assert not found[2].startswith("-")
    assert filled("{subject}", {"subject": "{body}", "body": "x"}) == "{body}"


def test_no_shell_reads_it(run: Callable[..., Outcome], tmp_path: Path) -> None:
    run(sys.executable, "-c", SHOW, "{body}", text="$(touch hacked); `touch hacked` | x > hacked")
    assert shown(tmp_path)[0] == ["$(touch hacked); `touch hacked` | x > hacked"]
    assert not (tmp_path / "hacked").exists()


def test_another_status_than_0_is_worth_another_try(run: Callable[..., Outcome]) -> None:
    script = "import sys; print('one\\ntwo', file=sys.stderr); sys.exit(3)"
    with pytest.raises(TemporaryError, match="ended with status 3: one / two"):
        run(sys.executable, "-c", script)


def test_only_the_end_of_what_it_said_is_kept(run: Callable[..., Outcome]) -> None:
    script = "import sys; sys.stderr.write('x' * 5_000_000 + 'end'); sys.exit(1)"
    with pytest.raises(TemporaryError) as error:
        run(sys.executable, "-c", script)
    assert len(str(error.value)) < 700
    assert str(error.value).endswith("xend")


def test_a_command_that_takes_too_long_is_ended_with_its_children(
    run: Callable[..., Outcome], tmp_path: Path
) -> None:
    script = f"echo $$ > {tmp_path}/pid; sleep 100 & wait"
    with pytest.raises(TemporaryError, match=r"took over 0\.5 seconds"):
        run("/bin/sh", "-c", script, timeout=0.5)
    group = int((tmp_path / "pid").read_text())

    def gone() -> bool:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        return False

    eventually(gone)


def test_a_child_that_is_left_behind_does_not_hold_it_up(run: Callable[..., Outcome]) -> None:
    run("/bin/sh", "-c", "sleep 3 & exit 0", timeout=2.0)


def test_a_command_that_is_not_there_is_a_matter_of_configuration(
    run: Callable[..., Outcome],
) -> None:
    with pytest.raises(MisconfiguredError, match=r"\./none\.sh cannot be run"):
        run("./none.sh")


def test_a_text_that_is_too_long_for_an_argument_is_that_deliverys_fault(
    run: Callable[..., Outcome],
) -> None:
    with pytest.raises(PermanentError, match="cannot be run: Argument list too long"):
        run("/bin/echo", "x" * 200_000)


def test_our_own_secrets_are_not_passed_on(
    run: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHUTTERPOST_EMAIL_PASSWORD", "hunter2")
    run("/bin/sh", "-c", "env > env.txt")
    assert "hunter2" not in (tmp_path / "env.txt").read_text()


def test_one_run_for_each_recipient_and_none_twice(
    run: Callable[..., Outcome], tmp_path: Path
) -> None:
    command = ("/bin/sh", "-c", 'echo "$1" >> ran; test -e ok -o "$1" != b@x.y', "-", "{recipient}")
    progress: dict[str, object] = {}
    to = ("a@x.y", "b@x.y", "c@x.y")
    with pytest.raises(TemporaryError, match="ended with status 1"):
        run(*command, to=to, kept=progress)
    assert (tmp_path / "ran").read_text().split() == ["a@x.y", "b@x.y", "c@x.y"]
    (tmp_path / "ok").touch()
    run(*command, to=to, kept=progress)
    assert (tmp_path / "ran").read_text().split() == ["a@x.y", "b@x.y", "c@x.y", "b@x.y"]


def test_what_is_not_to_be_repeated_is_done_whatever_its_end(
    run: Callable[..., Outcome], tmp_path: Path
) -> None:
    failing = run("/bin/sh", "-c", "echo why >&2; exit 3", retry=False)
    assert failing.receipt.startswith("/bin/sh ended with status 3: why (for /")
    late = run("/bin/sh", "-c", "sleep 100", retry=False, timeout=0.3)
    assert late.receipt.startswith("/bin/sh took over 0.3 seconds (for /")
    with pytest.raises(MisconfiguredError):
        run("./none.sh", retry=False)


def test_without_a_time_limit_it_may_take_its_time(run: Callable[..., Outcome]) -> None:
    outcome = run("/bin/sh", "-c", "sleep 1", timeout=float("inf"))
    assert "ran for" in outcome.receipt


def test_an_instance_has_its_folder(run: Callable[..., Outcome], tmp_path: Path) -> None:
    run(sys.executable, "-c", SHOW, "{filename}", instance="log")
    assert shown(tmp_path)[0] == [str(tmp_path / "photos" / "log" / "A.JPG")]


@pytest.mark.parametrize("ends", ["exit 0", "wait", "sleep 100"])
def test_a_child_that_leaves_the_process_group_holds_nothing_up(
    run: Callable[..., Outcome], tmp_path: Path, ends: str
) -> None:
    need("setsid")
    script = f"setsid sh -c 'echo $$ > {tmp_path}/child; exec sleep 60' >&2 & "
    script += f"until test -s {tmp_path}/child; do sleep 0.01; done; {ends}"
    try:
        if ends == "exit 0":
            run("/bin/sh", "-c", script)
        else:
            with pytest.raises(TemporaryError, match=r"took over 0\.5 seconds"):
                run("/bin/sh", "-c", script, timeout=0.5)
    finally:
        os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)  # it was left alone


def test_a_command_that_cannot_be_killed_is_left_behind(
    delivering: Callable[..., Coroutine[Any, Any, Outcome]], tmp_path: Path
) -> None:
    """As one that writes to a disk that hangs."""
    mounted = tmp_path / "mnt"
    mounted.mkdir()

    def ended() -> bool:
        pid = int((tmp_path / "pid").read_text())
        return not Path(f"/proc/{pid}").exists()

    async def try_it() -> None:
        with frozen(mounted), pytest.raises(TemporaryError, match="took over"):
            await delivering("/bin/sh", "-c", "echo $$ > pid; echo > mnt/x", timeout=0.3)
        await asyncio.to_thread(eventually, ended)

    with disk(tmp_path / "disk.img", mounted):
        asyncio.run(try_it())


@pytest.mark.parametrize("what", ["program", "folder"])
def test_a_command_on_a_folder_that_hangs_holds_up_nothing(
    delivering: Callable[..., Coroutine[Any, Any, Outcome]], tmp_path: Path, what: str
) -> None:
    """Starting it blocks in the kernel: neither the event loop nor other threads may wait."""
    nas = tmp_path / "nas"
    nas.mkdir()
    command, folder = (str(nas / "log.sh"), tmp_path) if what == "program" else ("true", nas)

    async def rounds() -> int:
        """How often the event loop went round meanwhile."""
        number = 0
        running = asyncio.create_task(delivering(command, folder=folder, start_limit=0.3))
        while not running.done():
            number += 1
            await asyncio.sleep(0.01)
        with pytest.raises(TemporaryError, match="does not answer"):
            await running
        return number

    with hanging(nas):
        assert asyncio.run(rounds()) > 10
