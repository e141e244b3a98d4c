"""DNS cookies: who answers from an address is there, who only sends in its name is not. Pure.

A client that shows the cookie it was given has received an answer at its address, so that
what it asks is its own (RFC 7873). In the form of RFC 9018: the client's eight bytes, then
version, reserved bytes, a time stamp and a keyed hash of all of them and the address.
"""

import hashlib
import hmac
import struct

CLIENT_SIZE = 8
"""Bytes of the client's part."""
_HEAD = struct.Struct("!B3xI")  # version, reserved, seconds since 1970
_HASH_SIZE = 8
_SIZE = CLIENT_SIZE + _HEAD.size + _HASH_SIZE
_VERSION = 1
_LIFETIME = 3600  # seconds; RFC 9018, 4.3
_AHEAD = 300  # seconds that a clock may have been turned back


class Cookies:
    """Gives and recognises cookies under one secret."""

    def __init__(self, secret: bytes) -> None:
        """`secret`: 16 to 64 random bytes."""
        self._secret = secret

    def given(self, sent: bytes, client: str, now: float) -> bytes:
        """The whole cookie for a client that sent one; nothing for one that sent none."""
        if not sent:
            return b""
        head = sent[:CLIENT_SIZE] + _HEAD.pack(_VERSION, int(now) & 0xFFFFFFFF)
        return head + self._hash(head, client)

    def is_own(self, sent: bytes, client: str, now: float) -> bool:
        """Whether this is one that was given to this address within the last hour."""
        if len(sent) != _SIZE:
            return False
        head, signed = sent[:-_HASH_SIZE], sent[-_HASH_SIZE:]
        _, then = _HEAD.unpack_from(head, CLIENT_SIZE)
        is_fresh = -_AHEAD <= now - then <= _LIFETIME
        return is_fresh and hmac.compare_digest(signed, self._hash(head, client))

    def _hash(self, head: bytes, client: str) -> bytes:
        data = head + client.encode()
        return hashlib.blake2b(data, key=self._secret, digest_size=_HASH_SIZE).digest()
