"""Templates of commands: what is replaced, and what stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shutterpost.config.placeholders import PLACEHOLDERS, filled, unknown

VALUES = {
    "sender": "me@x.y",
    "recipient": "{body}",
    "filename": "/p/A.JPG",
    "subject": "{{",
    "body": "b{sender}}",
}


@pytest.mark.parametrize(
    ("template", "python"),
    [
        ("", ""),
        ("plain", "plain"),
        ("{sender}", "me@x.y"),
        ("{sender}{sender}", "me@x.yme@x.y"),
        ("{recipient} {subject} {body}", "{body} {{ b{sender}}"),  # values are no templates
        ("{{sender}}", "{sender}"),
        ("{{{sender}}}", "{me@x.y}"),
        ('{{"from": "{sender}"}}', '{"from": "me@x.y"}'),
        ("{sender:>10}|", "    me@x.y|"),
        ("{sender:<8}|{sender:^10}|", "me@x.y  |  me@x.y  |"),
        ("{sender:.2}", "me"),
        ("{sender!r}", "'me@x.y'"),
        ("{sender!s:_>8}", "__me@x.y"),
        ("{sender!a}", "'me@x.y'"),
        # what Python refuses or would look up elsewhere stays as it is
        ("{unknown}", "{unknown}"),
        ("{}", "{}"),
        ("{0}", "{0}"),
        ("{sender.upper}", "{sender.upper}"),
        ("{sender[0]}", "{sender[0]}"),
        ("{sender:d}", "{sender:d}"),
        ("{sender!x}", "{sender!x}"),
        ("{sender:{body}}", "{sender:{body}}"),
        ("{sender:99999999999999999999}", "{sender:99999999999999999999}"),
        ("single } {sender}", "single } me@x.y"),
        ("single { {sender}", "single { me@x.y"),
    ],
)
def test_as_python_formats(template: str, python: str) -> None:
    assert filled(template, VALUES, "python") == python


@pytest.mark.parametrize(
    ("template", "plain"),
    [
        ("{sender} {recipient}", "me@x.y {body}"),
        ("{{sender}}", "{me@x.y}"),
        ("{sender:>10} {sender!r}", "{sender:>10} {sender!r}"),
        ('{"a": {"b": "{sender}"}}', '{"a": {"b": "me@x.y"}}'),
        ("{unknown} { }", "{unknown} { }"),
    ],
)
def test_plain(template: str, plain: str) -> None:
    assert filled(template, VALUES) == plain


FIELDS = st.sampled_from(
    [f"{{{name}{how}}}" for name in PLACEHOLDERS for how in ("", "!r", ":>9", "!s:.3", ":*^12")]
)
LITERALS = st.text().map(lambda text: text.replace("{", "{{").replace("}", "}}"))


@given(st.lists(FIELDS | LITERALS), st.fixed_dictionaries(dict.fromkeys(PLACEHOLDERS, st.text())))
def test_python_itself_is_the_judge(parts: list[str], values: dict[str, str]) -> None:
    template = "".join(parts)
    assert filled(template, values, "python") == template.format(**values)
    assert list(unknown(template, "python")) == []


@given(st.text(alphabet="{}!:.[]sender0 "), st.sampled_from(["plain", "python"]))
def test_no_template_is_an_error(template: str, notation: str) -> None:
    filled(template, VALUES, notation)
    list(unknown(template, notation))


def test_what_is_warned_about() -> None:
    assert list(unknown("{sender} {recipent} { } {{x}}")) == ["{recipent}", "{x}"]
    assert list(unknown("{sender:>3} {recipent:>3} {{x}} {body:d}", "python")) == [
        "{recipent:>3}",
        "{body:d}",
    ]
    assert list(unknown("a } b", "python")) == ["a } b (Single '}' encountered in format string)"]
