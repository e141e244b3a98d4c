"""The dialogue with a camera: a request in, a reply out, and what was sent in the spool.

Knows which request is which and what is answered; what the bytes mean is `camera`'s and
`wire`'s to know, how they arrive is the doors'.
"""

from shutterpost.gateway.exchange import Body
from shutterpost.gateway.gateway import Gateway

__all__ = ["Body", "Gateway"]
