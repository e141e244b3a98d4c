"""Names and media types of the files that cameras send.

The media type follows the file's name where the name tells, because cameras call
JPEGs `image/pjpeg` (proven) and say what they like of the others.
"""

import re

NAME_LIMIT = 180
"""The most bytes of a file name; leaves room for `-2` and temporary names within 255."""

_BY_SUFFIX = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "jps": "image/jpeg",
    "mpo": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "srw": "image/x-samsung-srw",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "avi": "video/x-msvideo",
}
_ALIASES = {"image/pjpeg": "image/jpeg", "image/jpg": "image/jpeg"}
_MEDIA_TYPE = re.compile(r"(image|video|audio)/[a-z0-9][a-z0-9.+-]{0,60}")
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"|?*\ud800-\udfff\u2028\u2029\u202a-\u202e]')


def safe_name(name: str) -> str:
    """The last component of `name`, fit to be a file's name on any system.

    Letters of any script, spaces and punctuation stay; what is left of a name that
    holds nothing else is `photo`. A safe name is its own safe name.
    """
    safe = _cut(name)
    while (again := _cut(safe)) != safe:  # what was cut off may have been hiding a suffix
        safe = again
    return safe


def _cut(name: str) -> str:
    last = re.split(r"[/\\]", name)[-1]
    cleaned = _UNSAFE.sub("_", last).strip(" .")
    stem, dot, suffix = cleaned.rpartition(".")
    if not dot or len(suffix.encode()) > 10:
        stem, dot, suffix = cleaned, "", ""
    room = NAME_LIMIT - len((dot + suffix).encode())
    safe = stem.encode()[:room].decode("utf-8", "ignore").rstrip(" .") + dot + suffix
    return safe if safe.strip("_") else "photo"


def media_type(name: str, said: str) -> str:
    """The media type of a file by its name, else what the camera said, if it is one."""
    suffix = name.rpartition(".")[2].lower()
    said = said.lower()
    known = _BY_SUFFIX.get(suffix) or _ALIASES.get(said)
    if known:
        return known
    return said if _MEDIA_TYPE.fullmatch(said) else "application/octet-stream"
