"""The NX300's encrypted login values (docs/protocol.md, section 4).

`CryptSessionKey` is base64 of an AES-128 key and an IV, sent along with what it
encrypts: this hides nothing, it is only how these cameras write.
"""

import base64
import binascii

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

KEY_SIZE = 32
"""Bytes of a `CryptSessionKey`: an AES-128 key and an IV, 16 each."""


def decrypt(crypt_session_key: str, value: str) -> str:
    """One value, base64 of AES-128-CBC with NULs as padding (capture: user `f`).

    Raises ValueError for what is not of that form.
    """
    key = _decoded(crypt_session_key)
    if len(key) != KEY_SIZE:
        raise ValueError(f"the key has {len(key)} bytes, not {KEY_SIZE}")
    decryptor = Cipher(algorithms.AES128(key[:16]), modes.CBC(key[16:])).decryptor()
    plain = decryptor.update(_decoded(value)) + decryptor.finalize()
    return plain.rstrip(b"\x00").decode("utf-8")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
