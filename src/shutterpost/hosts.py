"""What to paste into a resolver, so that cameras find this machine. Pure, but `own_address`."""

import socket
from collections.abc import Callable

from shutterpost.camera.models import HOSTS, MSN, YAHOO, Model


def own_address() -> str:
    """This machine's address in the network that leads out; raises OSError without one.

    Connecting a UDP socket only looks up the route; nothing is sent.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("192.0.2.1", 9))
        return str(sock.getsockname()[0])


def hosts(address: str, model: Model | None) -> str:
    """Lines for a hosts file: one camera's names, or all."""
    if model is not None:
        return f"# for the {model.name}\n{address} {' '.join(model.hosts)}\n"
    return (
        f"# every camera asks for these\n{address} {' '.join(HOSTS)}\n"
        f"# ST200F, DV300F, EX2F and WB850F ask for this too\n{address} {YAHOO}\n"
        f"# WB35F, WB36F, WB37F, WB1100F and DV150F ask for this too\n{address} {MSN}\n"
    )


FORMATS: dict[str, Callable[[str, Model | None], str]] = {"hosts": hosts}
"""How each format is written."""
