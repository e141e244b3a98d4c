"""XML as cameras write it: read strictly when it is well-formed, else as far as it goes.

Promises an element tree for whatever fields can be found, in time linear in the input.
Document type declarations are refused in both readings, and with them all entities.
Names are as they are written: with namespaces (`xmlns`), which no camera uses, every tag
of a message could be made as long as the message.
"""

import re
from collections.abc import Iterator
from typing import NoReturn
from xml.etree.ElementTree import Element, SubElement, TreeBuilder
from xml.parsers import expat

from shutterpost.wire.http import Refused
from shutterpost.wire.text import decoded

_MARKUP = re.compile(
    r"<!\[CDATA\[(?P<cdata>.*?)(?:\]\]>|\Z)"
    r"|<!--.*?(?:-->|\Z)"
    r"|<\?.*?(?:\?>|\Z)"
    r"|</\s*+(?P<close>[A-Za-z_][\w.:-]*+)[^<>]*+>"
    r"|<(?P<open>[A-Za-z_][\w.:-]*+)(?=[\s/>=])(?P<attributes>(?:[^<>\"']++|\"[^\"<]*+\"|'[^'<]*+'|[\"'])*+)>",
    re.DOTALL,
)
# Looked for at the beginning of a name alone: within a long name every letter would else be
# tried as the beginning of another, which takes the square of its length.
_ATTRIBUTE = re.compile(r"(?<![\w.:-])([A-Za-z_][\w.:-]*+)\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)')")
_REFERENCE = re.compile(r"&(?:#([0-9]{1,7})|#x([0-9A-Fa-f]{1,6})|(lt|gt|amp|quot|apos));")
_DEPTH_LIMIT = 50
_DECLARATION = re.compile(
    rb"(?:\xef\xbb\xbf)?\s{0,100}<\?xml\s[^<>]{0,200}?\bencoding\s{0,20}=\s{0,20}"
    rb"[\"']([A-Za-z0-9._-]{1,40})[\"']"
)
_CODECS = {
    **dict.fromkeys(("euc-kr", "ks_c_5601-1987", "cp949", "ms949", "uhc"), "cp949"),
    **dict.fromkeys(("gb2312", "gbk", "gb18030"), "gb18030"),
    **dict.fromkeys(("shift_jis", "windows-31j"), "cp932"),
    **{"big5": "cp950", "euc-jp": "euc_jp"},
}
"""Encodings of more than one byte, which expat does not read, by the names that say them."""
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_NOT_A_CHARACTER = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read(data: bytes, quirks: set[str]) -> Element:
    """The document's root, or an element around all that was found in a broken one.

    Adds `broken-xml` to `quirks` in the second case. Raises Refused (400) for a
    document type declaration, an entity, or when there is no element at all.
    """
    data, encoding = _readable(data, quirks)
    try:
        return _well_formed(data, encoding)
    except (expat.ExpatError, ValueError, LookupError):  # not well-formed, or a strange encoding
        quirks.add("broken-xml")
        return _recover(data)


def first(root: Element, name: str) -> Element | None:
    """The first element of that name, however deep."""
    return next(root.iter(name), None)


def text(element: Element | None) -> str:
    """An element's own text up to its first child, or an empty string."""
    return "" if element is None else element.text or ""


def _readable(data: bytes, quirks: set[str]) -> tuple[bytes, str | None]:
    """The document, and the encoding to read it in; None if expat has to find that out."""
    found = _DECLARATION.match(data)
    declared = found[1].decode().lower() if found else ""
    if codec := _CODECS.get(declared):
        try:
            return data.decode(codec).encode(), "utf-8"
        except UnicodeDecodeError:
            return decoded(data).encode(), "utf-8"
    try:
        data.decode()
    except UnicodeDecodeError:
        if declared not in ("", "utf-8") or data.startswith(_UTF_16):
            return data, None
        quirks.add("undeclared-encoding")
        return decoded(data).encode(), "utf-8"
    return data, None


def _well_formed(data: bytes, encoding: str | None) -> Element:
    """Raises ExpatError, ValueError or LookupError (an encoding), and Refused."""
    builder = TreeBuilder()
    parser = expat.ParserCreate(encoding)
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_document_type
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.Parse(data, True)
    return builder.close()


def _refuse_document_type(*_: object) -> NoReturn:
    raise Refused(400, "XML with a document type or entities is not read")


def _recover(data: bytes) -> Element:
    """Read tags, attributes and text, whatever is missing between them."""
    source = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    if "<!DOCTYPE" in source or "<!ENTITY" in source:
        _refuse_document_type()
    path = [Element("recovered")]
    pieces: list[str] = []  # of the text that grows now; joined once, not at every comment in it
    position = 0
    for markup in _MARKUP.finditer(source):
        pieces.append(_plain_text(source[position : markup.start()]))
        position = markup.end()
        if markup["cdata"] is not None:
            pieces.append(_NOT_A_CHARACTER.sub("", markup["cdata"]))
        elif name := markup["open"]:
            _set_text(path[-1], pieces)
            attributes = markup["attributes"]
            element = SubElement(path[-1], name, dict(_attributes(attributes)))
            if not attributes.endswith("/") and len(path) < _DEPTH_LIMIT:
                path.append(element)
        elif (name := markup["close"]) and (depth := _depth(path, name)):
            _set_text(path[-1], pieces)
            del path[depth:]
    pieces.append(_plain_text(source[position:]))
    _set_text(path[-1], pieces)
    if not len(path[0]):
        raise Refused(400, "the message is not XML")
    return path[0]


def _depth(path: list[Element], name: str) -> int:
    """How deep the innermost open element of that name is; 0 if there is none."""
    depths = range(len(path) - 1, 0, -1)
    return next((depth for depth in depths if path[depth].tag == name), 0)


def _set_text(parent: Element, pieces: list[str]) -> None:
    """Give the text that has come to its place: before the first child, or after the last."""
    text = "".join(pieces)
    pieces.clear()
    if len(parent):
        parent[-1].tail = text
    else:
        parent.text = text


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
