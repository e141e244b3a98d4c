"""XML as cameras write it: read strictly when it is well-formed, else as far as it goes.

Promises an element tree for whatever fields can be found, in time linear in the input.
Document type declarations and entities are refused in both readings.
"""

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError, SubElement

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from shutterpost.wire.http import Refused

_MARKUP = re.compile(
    r"<!\[CDATA\[(?P<cdata>.*?)(?:\]\]>|\Z)"
    r"|<!--.*?(?:-->|\Z)"
    r"|<\?.*?(?:\?>|\Z)"
    r"|</\s*+(?P<close>[A-Za-z_][\w.:-]*+)[^<>]*+>"
    r"|<(?P<open>[A-Za-z_][\w.:-]*+)(?=[\s/>=])(?P<attributes>(?:[^<>\"']++|\"[^\"<]*+\"|'[^'<]*+'|[\"'])*+)>",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"([A-Za-z_][\w.:-]*+)\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)')")
_REFERENCE = re.compile(r"&(?:#([0-9]{1,7})|#x([0-9A-Fa-f]{1,6})|(lt|gt|amp|quot|apos));")
_DEPTH_LIMIT = 50
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_NOT_A_CHARACTER = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read(data: bytes, quirks: set[str]) -> Element:
    """The document's root, or an element around all that was found in a broken one.

    Adds `broken-xml` to `quirks` in the second case. Raises Refused (400) for a
    document type declaration, an entity, or when there is no element at all.
    """
    try:
        root: Element = fromstring(data, forbid_dtd=True)
        return root
    except DefusedXmlException:
        raise Refused(400, "XML with a document type or entities is not read") from None
    except (ParseError, ValueError, LookupError):  # not well-formed, or a strange encoding
        quirks.add("broken-xml")
        return _recover(data)


def first(root: Element, name: str) -> Element | None:
    """The first element of that name, however deep."""
    return next(root.iter(name), None)


def text(element: Element | None) -> str:
    """An element's own text up to its first child, or an empty string."""
    return "" if element is None else element.text or ""


def _recover(data: bytes) -> Element:
    """Read tags, attributes and text, whatever is missing between them."""
    source = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    if "<!DOCTYPE" in source or "<!ENTITY" in source:
        raise Refused(400, "XML with a document type or entities is not read")
    path = [Element("recovered")]
    position = 0
    for markup in _MARKUP.finditer(source):
        _add_text(path[-1], _plain_text(source[position : markup.start()]))
        position = markup.end()
        if markup["cdata"] is not None:
            _add_text(path[-1], _NOT_A_CHARACTER.sub("", markup["cdata"]))
        elif name := markup["open"]:
            attributes = markup["attributes"]
            element = SubElement(path[-1], name, dict(_attributes(attributes)))
            if not attributes.endswith("/") and len(path) < _DEPTH_LIMIT:
                path.append(element)
        elif name := markup["close"]:
            _close(path, name)
    _add_text(path[-1], _plain_text(source[position:]))
    if not len(path[0]):
        raise Refused(400, "the message is not XML")
    return path[0]


def _close(path: list[Element], name: str) -> None:
    """Leave the innermost open element of that name, if there is one."""
    for depth in range(len(path) - 1, 0, -1):
        if path[depth].tag == name:
            del path[depth:]
            return


def _add_text(parent: Element, text: str) -> None:
    if len(parent):
        parent[-1].tail = (parent[-1].tail or "") + text
    else:
        parent.text = (parent.text or "") + text


def _attributes(source: str) -> Iterator[tuple[str, str]]:
    for name, double, single in _ATTRIBUTE.findall(source):
        yield name, _plain_text(double or single)


def _plain_text(source: str) -> str:
    """Text without its character references; anything else that begins with & stays."""
    return _NOT_A_CHARACTER.sub("", _REFERENCE.sub(_character, source))


def _character(reference: re.Match[str]) -> str:
    decimal, hexadecimal, name = reference.groups()
    if name:
        return _NAMED[name]
    number = int(decimal) if decimal else int(hexadecimal, 16)
    return chr(number) if number <= 0x10FFFF else reference[0]
