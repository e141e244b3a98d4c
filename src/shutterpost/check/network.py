"""What needs the network: mail, Mastodon, the cameras' names, and port 80."""

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from shutterpost.actions import DeliveryError
from shutterpost.camera.models import hosts_of
from shutterpost.check.result import FAIL, OK, WARN, Result
from shutterpost.config import Config
from shutterpost.config.fitting import unusable
from shutterpost.hosts import own_address

_TIMEOUT = 5.0
_PROBE = (
    b"GET / HTTP/1.1\r\nHost: gld.samsungosp.com\r\nUser-Agent: Shutterpost-check\r\n"
    b"Connection: close\r\n\r\n"
)
_OURS = b'ETag: "deadbeef"'


def network_checks(config: Config, offline: bool, resolver: str) -> Iterator[Result]:
    """Mail and Mastodon are at least told; the rest is left out if `offline`."""
    yield from _mail(config, offline)
    yield from _accounts(config, offline)
    if offline:
        return
    addresses = _own_addresses(config)
    yield from _names(config, "this machine's resolver", _system_resolver, addresses, WARN)
    if resolver:
        yield from _resolver(config, resolver, addresses)
    yield from _door(config)


def _mail(config: Config, offline: bool) -> Iterator[Result]:
    email = config.email
    if not email.host:
        said = "no SMTP server: e-mails are stored instead; set [email] host to mail them"
        yield Result(WARN, "mail", said)
        return
    where = f"{email.host}:{email.port}"
    if offline:
        yield Result(OK, "mail", f"{where}, not tried (--offline)")
        return
    from shutterpost.actions.smtp import Session, access_tokens

    senders = (email.from_, email.username, *config.senders, "me@shutterpost.invalid")
    try:
        session = Session(
            email, next(name for name in senders if "@" in name), tokens=access_tokens(email)
        )
    except DeliveryError as error:
        yield Result(FAIL, "mail", f"{error}: correct [email] in the configuration")
        return
    limit = session.size_limit
    session.close()
    login = f"logged in as {email.username}" if email.username else "no login"
    size = f", mails up to {limit / 2**20:.0f} MiB" if limit else ""
    yield Result(OK, "mail", f"{where} answers, {login}{size}")


def _accounts(config: Config, offline: bool) -> Iterator[Result]:
    used = {
        action.instance
        for key, action in config.actions.items()
        if action.name == "mastodon" and not unusable(config, key, action)  # told as a warning
    }
    for instance in sorted(used):
        settings = config.mastodon[instance]
        what = f"mastodon.{instance}" if instance else "mastodon"
        if offline:
            yield Result(OK, what, f"{settings.url}, not tried (--offline)")
            continue
        from shutterpost.actions.mastodon import verify

        try:
            who = asyncio.run(verify(settings))
        except DeliveryError as error:
            advice = f"make a new token with `shutterpost login mastodon {settings.url}`"
            yield Result(FAIL, what, f"{error}: {advice}")
        else:
            if not who:
                said = f"{settings.url} answers, but the token may not ask whose it is"
                yield Result(WARN, what, f"{said}: try it by sharing a photo")
                continue
            of = who if who.startswith("@") else f"the app {who}"
            yield Result(OK, what, f"{settings.url} takes the token of {of}")


def _own_addresses(config: Config) -> set[str]:
    """Addresses at which a camera finds this machine, as far as it can tell."""
    found = set() if config.dns.address == "auto" else {config.dns.address}
    with suppress(OSError):
        found.add(own_address())
    return found


def _names(
    config: Config,
    who: str,
    resolve: Callable[[str], str],
    own: set[str],
    verdict: str,
) -> Iterator[Result]:
    """Whether the cameras' names lead here."""
    here = ", ".join(sorted(own)) or "this machine"
    names = hosts_of(config.dns.cameras)
    with ThreadPoolExecutor(len(names)) as pool:  # a dead resolver takes its time over each
        answers = list(pool.map(resolve, names))
    wrong = [
        f"{name} is {answer}"
        for name, answer in zip(names, answers, strict=True)
        if answer not in own
    ]
    if not wrong:
        yield Result(OK, "names", f"{who} knows them all as {here}")
        return
    advice = "give it the lines of `shutterpost hosts`"
    if verdict == WARN:
        advice += ", if cameras use it (try --dns with the one they do use)"
    yield Result(verdict, "names", f"{who}: {'; '.join(wrong)}; they should be {here}: {advice}")


def _resolver(config: Config, resolver: str, own: set[str]) -> Iterator[Result]:
    """What a resolver answers that was named as ADDRESS, NAME, or either with a port."""
    host, colon, digits = resolver.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):  # no port, but perhaps IPv6
        host, digits = resolver, "53"
    try:
        if not digits.isdecimal() or not 0 < int(digits) < 65536:
            raise ValueError(f"{digits} is no port")
        found = socket.getaddrinfo(host.strip("[]"), int(digits), type=socket.SOCK_DGRAM)
    except (OSError, ValueError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        said = f'the resolver "{resolver}" cannot be found ({why})'
        yield Result(FAIL, "names", f"{said}: give its address, for example --dns 192.168.1.1")
        return
    address, port = found[0][4][:2]
    shown = f"the resolver {resolver}" + ("" if host.strip("[]") == address else f" ({address})")
    yield from _names(
        config, shown, lambda name: _ask_resolver(str(address), int(port), name), own, FAIL
    )


def _system_resolver(name: str) -> str:
    try:
        found = socket.getaddrinfo(name, 80, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        return "unknown"
    return str(found[0][4][0])


def _ask_resolver(resolver: str, port: int, name: str) -> str:
    import dns.exception
    import dns.message
    import dns.query
    import dns.rdatatype

    try:
        question = dns.message.make_query(name, "A")
        answer = dns.query.udp(question, resolver, timeout=_TIMEOUT, port=port)
    except (dns.exception.DNSException, OSError) as error:
        return f"unknown ({error!s:.60})"
    for found in answer.answer:
        if found.rdtype == dns.rdatatype.A:
            return str(found[0])
    return "unknown"


def _door(config: Config) -> Iterator[Result]:
    """Whether the server runs, and whether port 80 leads to it."""
    listen = config.server.listen
    local = (
        "127.0.0.1" if ipaddress.ip_address(_literal(listen.host)).is_unspecified else listen.host
    )
    answer = _http(local, listen.port)
    if _OURS not in answer:
        said = "the server does not answer"
        if answer:
            said = f"{listen} is answered by {_who(answer)}, not by Shutterpost"
            yield Result(FAIL, "door", f"{said}: stop that, or change [server] listen")
            return
        yield Result(WARN, "door", f"{said} on {listen}: start it, then check again")
        return
    yield Result(OK, "door", f"the server answers on {listen}")
    if listen.port == 80:
        return
    try:
        own = own_address()
    except OSError:
        yield Result(WARN, "port 80", "this machine has no address in a network")
        return
    answer = _http(own, 80)
    if _OURS in answer:
        yield Result(OK, "port 80", f"{own}:80 leads to the server")
    elif answer:
        advice = "stop it, or forward its port 80 (docs/port-80.md)"
        yield Result(FAIL, "port 80", f"{own}:80 is answered by {_who(answer)}: {advice}")
    else:
        advice = "see docs/port-80.md, then try http://gld.samsungosp.com/ from another machine"
        said = f"nothing answers on {own}:80 (a redirect for others cannot be seen from here)"
        yield Result(WARN, "port 80", f"{said}: {advice}")


def _literal(host: str) -> str:
    return "127.0.0.1" if host == "localhost" else host


def _http(host: str, port: int) -> bytes:
    """What answers there, or nothing."""
    try:
        with socket.create_connection((host, port), _TIMEOUT) as sock:
            sock.sendall(_PROBE)
            answer = b""
            while len(answer) < 4096 and (piece := sock.recv(4096)):
                answer += piece
            return answer
    except OSError:
        return b""


def _who(answer: bytes) -> str:
    """What a server calls itself."""
    for line in answer.split(b"\r\n")[1:]:
        if line.lower().startswith(b"server:"):
            return line[7:].strip().decode("ascii", "replace")[:60]
    return "another web server"
