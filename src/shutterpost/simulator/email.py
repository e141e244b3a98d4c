"""The e-mail of an NX300 (capture)."""

from collections.abc import Iterator
from xml.sax.saxutils import escape

from shutterpost.simulator.shot import Shot, pieces

_BOUNDARY = "---------------------------7d93b9550d4a"
_HEAD = (
    "POST /social/columbus/email?DUID={device}  HTTP/1.0\r\n"
    'Authorization:OAuth oauth_consumer_key="{key}",oauth_nonce="{key}",'
    'oauth_signature="{key}=",oauth_signature_method="HmacSHA1",'
    'oauth_timestamp="9717886885",oauth_version="1.0"\r\n'
    "x-osp-version:v1\r\n"
    "User-Agent: sdeClient\r\n"
    "Content-Type: multipart/form-data; boundary={boundary}\r\n"
    "Accept: image/gif, image/x-xbitmap, image/jpeg, image/pjpeg, "
    "application/x-shockwave-flash, application/vnd.ms-excel, "
    "application/vnd.ms-powerpoint, application/msword, */*\r\n"
    "Pragma: no-cache\r\n"
    "Accept-Language: ko\r\n"
    "User-Agent: Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1; Mozilla/4.0 "
    "(compatible; MSIE 6.0; Windows NT 5.1; SV1) ; .NET CLR 1.1.4322; InfoPath.2; "
    ".NET CLR 2.0.50727)\r\n"
    "Host: www.ospserver.net\r\n"
    "Content-Length: {length}\r\n"
    "\r\n"
)
_MESSAGE = (
    '<?xml version="1.0" encoding="UTF-8"?>\r\n'
    "<email><sender>{sender}</sender><receiverList>{receivers}\r\n"
    "</receiverList><title><![CDATA[[Samsung Smart Camera] sent you files.]]></title>\r\n"
    "<body><![CDATA[{text}\r\nlanguage_sh100_utf8]]></body></email>"
)
_MEDIA_TYPES = {".mp4": "video/mp4"}


def head(shot: Shot) -> str:
    """The request's head."""
    return _HEAD.format(
        device="123456789033", key="censored", boundary=_BOUNDARY, length=size(shot)
    )


def size(shot: Shot) -> int:
    """Bytes of the request's body."""
    message, parts, end = _envelope(shot)
    return len(message) + sum(map(len, parts)) + shot.size + len(end)


def body(shot: Shot) -> Iterator[bytes]:
    """The request's body."""
    message, parts, end = _envelope(shot)
    yield message
    for part, path in zip(parts, shot.files, strict=True):
        yield part
        yield from pieces(path)
    yield end


def _envelope(shot: Shot) -> tuple[bytes, list[bytes], bytes]:
    """Everything of the body but the files.

    It ends as the camera's does: in CRLF, boundary and CRLF, without a close-delimiter. Without
    the last CRLF the reference would lose the last photo, which it does not for real cameras.
    """
    receivers = "".join(f"<receiver>{escape(to)}</receiver>" for to in shot.recipients)
    text = shot.text.replace("]]>", "]]]]><![CDATA[>")
    message = _MESSAGE.format(sender=escape(shot.sender), receivers=receivers, text=text)
    first = (
        f"--{_BOUNDARY}\r\n"
        'content-disposition: form-data; name="message"; fileName="sample.txt"\r\n'
        f"content-Type: multipart/form-data;\r\n\r\n{message}"
    )
    parts = [
        f"\r\n--{_BOUNDARY}\r\n"
        f'content-disposition: form-data; name="binary"; fileName="{path.name}"\r\n'
        f"content-Type: {_MEDIA_TYPES.get(path.suffix.lower(), 'image/jpeg')};\r\n\r\n"
        for path in shot.files
    ]
    return (
        first.encode(),
        [part.encode("utf-8", "surrogateescape") for part in parts],
        f"\r\n--{_BOUNDARY}\r\n".encode(),
    )
