"""A camera at work: its hotspot check, then an e-mail or a social share."""

from shutterpost.camera.models import GLD, MSN, YAHOO, Menu, Model, Works
from shutterpost.simulator import email, social
from shutterpost.simulator.exchange import Answer, NotSent, Progress, exchange
from shutterpost.simulator.shot import Shot, pieces

_SUCCESS = b'<Response Status="succ" />'
_COOKIES = {YAHOO: b"Domain=.yahoo.co.kr", MSN: b"Domain=.msn.com"}
_LOCATIONS = {YAHOO: b"Location: http://yahoo.com", MSN: b"Location: http://msn.com"}
_CHECKS = 2  # the person presses "share" again when the browser opens

__all__ = ["Camera", "NotSent", "Shot", "size"]


class Camera:
    """One model, and the server it is made to believe in."""

    def __init__(self, model: Model, to: tuple[str, int]) -> None:
        """Raises NotSent for a model that sends nothing, or in a way that nobody knows."""
        if not model.menus:
            raise NotSent(f"a {model.name} {'; '.join(model.remarks)}")
        if model.works in (Works.NO, Works.NOT_YET):
            raise NotSent(f"what a {model.name} says is not known: {model.note}")
        self._model = model
        self._to = to

    def check_hotspot(self) -> None:
        """Ask what the model asks before it sends. Raises NotSent if it would not go on.

        Where it is not known which of several hosts it asks, all of them have to satisfy it.
        """
        for host in self._model.checks:
            self._check(host)

    def _check(self, host: str) -> None:
        request = (
            f"GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n"
            f"User-Agent: Mozilla/5.0 (SAMSUNG {self._model.name}) SamsungBrowser\r\n"
            "Accept: */*\r\n\r\n"
        )
        for _ in range(_CHECKS):
            answer = exchange(self._to, request)
            if self._is_online(host, answer):
                return
        raise NotSent(f"the hotspot check at {host} got an answer that opens the browser: {answer}")

    def email(self, shot: Shot, progress: Progress) -> None:
        """Send an e-mail with all files. Raises NotSent, or OSError for a file."""
        self._require(Menu.EMAIL)
        _succeed(exchange(self._to, email.head(shot), email.body(shot), progress))

    def share(self, site: str, shot: Shot, progress: Progress) -> None:
        """Share all files to a site. Raises NotSent, or OSError for a file."""
        self._require(Menu.SOCIAL)
        head, body = social.login(site, shot.sender, shot.password)
        session = social.found(exchange(self._to, head, [body]), 'SessionKey="')
        for path in shot.files:
            head, body = social.announcement(site, session, self._model.name, path, shot.text)
            answer = exchange(self._to, head, [body])
            host = social.found(answer, 'HostAddr="')
            resource = social.found(answer, 'ResourceID="')
            head = social.upload(host, resource, path)
            _succeed(exchange(self._to, head, pieces(path), progress))
        head, body = social.logout(site, session)
        if exchange(self._to, head, [body]).status != 200:
            raise NotSent("the server did not take the logout")

    def _require(self, menu: Menu) -> None:
        if menu not in self._model.menus:
            only = ", ".join(each.value for each in self._model.menus)
            raise NotSent(f"a {self._model.name} has {only} only")

    def _is_online(self, host: str, answer: Answer) -> bool:
        if host == GLD:
            return answer.status == 200 and not answer.body and b"deadbeef" in answer.head
        if answer.status == 200:
            return _COOKIES[host] in answer.head
        accepts = not self._model.cookie_only
        return accepts and answer.status == 302 and _LOCATIONS[host] in answer.head


def size(shot: Shot, via: str) -> int:
    """Bytes that a shot takes on the wire, as far as progress counts them."""
    return email.size(shot) if via == "email" else shot.size


def _succeed(answer: Answer) -> None:
    if answer.status != 200 or _SUCCESS not in answer.body:
        raise NotSent(f"the server answered {answer}")
