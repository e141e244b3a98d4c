"""Templates of commands: placeholders are replaced once, and values are never read as a template.

Two notations: `plain` knows nothing but `{name}`; `python` is that of Python's `str.format`, as
the reference server has it. What is no placeholder stays as it is written.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from string import Formatter

PLACEHOLDERS = ("sender", "recipient", "filename", "subject", "body")
"""What a command's template may ask for."""

_PLAIN = re.compile(r"\{(" + "|".join(PLACEHOLDERS) + r")\}")
_BRACES = re.compile(r"\{([a-z]+)\}")
_CONVERSIONS: Mapping[str, Callable[[object], str]] = {"r": repr, "s": str, "a": ascii, "": str}


def _plain(template: str, values: Mapping[str, str]) -> str:
    return _PLAIN.sub(lambda placeholder: values[placeholder[1]], template)


def _python(template: str, values: Mapping[str, str]) -> str:
    try:
        parts = list(Formatter().parse(template))
    except ValueError:  # a single brace, say
        return _plain(template, values)
    filled = ""
    for literal, name, spec, conversion in parts:
        filled += literal
        if name is not None:
            filled += _field(name, spec or "", conversion or "", values)
    return filled


def _field(name: str, spec: str, conversion: str, values: Mapping[str, str]) -> str:
    try:
        return format(_CONVERSIONS[conversion](values[name]), spec)
    except (KeyError, ValueError, OverflowError, MemoryError):
        return _written(name, spec, conversion)


def _written(name: str, spec: str, conversion: str) -> str:
    return f"{{{name}{conversion and '!' + conversion}{spec and ':' + spec}}}"


_NOTATIONS = {"plain": _plain, "python": _python}


def filled(template: str, values: Mapping[str, str], notation: str = "plain") -> str:
    """The template with its placeholders replaced by `values`, once."""
    return _NOTATIONS[notation](template, values)


def unknown(template: str, notation: str = "plain") -> Iterator[str]:
    """What looks like a placeholder and stays as it is written."""
    if notation == "plain":
        yield from (f"{{{name}}}" for name in _BRACES.findall(template) if name not in PLACEHOLDERS)
        return
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        yield f"{template} ({error})"
        return
    values = dict.fromkeys(PLACEHOLDERS, "x")
    for _, name, spec, conversion in parts:
        if name is not None:
            written = _written(name, spec or "", conversion or "")
            if _field(name, spec or "", conversion or "", values) == written:
                yield written
