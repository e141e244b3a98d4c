"""Being a camera: sends files byte for byte as a camera does, and judges like one.

The other side of the protocol, so it shares no parsing with the server. The requests
follow docs/protocol.md; what is censored or unknown there is made up.
"""

from shutterpost.simulator.camera import Camera, NotSent, Shot, size

__all__ = ["Camera", "NotSent", "Shot", "size"]
