"""Where a shipment goes: its addresses and the `[actions]` table to deliveries. Pure."""

from collections.abc import Mapping, Sequence

from shutterpost.config.settings import ActionName
from shutterpost.model import Planned

ONE_BY_ONE = ("store", "shell", "drop")
"""Actions that take photos one at a time; the others gather a whole shipment."""

REPEATABLE = ("store",)
"""Actions that may be done again at any time: the same photo is never stored twice."""


class Routes:
    """The `[actions]` table with its defaults.

    `can_mail` is false without an SMTP server: what would be mailed is stored then.
    `mail_to` gets what is shared to a site that is mailed.
    """

    def __init__(
        self, actions: Mapping[str, ActionName], can_mail: bool, mail_to: str = ""
    ) -> None:
        self._actions = actions
        self._can_mail = can_mail
        self._mail_to = mail_to

    def action(self, recipient: str) -> ActionName:
        """What is done with an e-mail to `recipient`: its own entry beats its domain's."""
        address = recipient.lower()
        domain = "*@" + address.rpartition("@")[2]
        found = self._actions.get(address) or self._actions.get(domain) or ActionName("email")
        if found.name == "email" and not self._can_mail:
            return ActionName("store")
        return found

    def site(self, site: str) -> Planned:
        """The delivery of a photo (index 0) or shipment (None) for a social site."""
        action = self._actions.get(site) or ActionName("store")
        if action.name == "email" and not self._can_mail:
            action = ActionName("store")
        recipient = self._mail_to if action.name == "email" else site
        return Planned(str(action), (recipient,), 0 if action.name in ONE_BY_ONE else None)

    def email(self, recipients: Sequence[str], photos: int) -> list[Planned]:
        """The deliveries of an e-mail; recipients with the same action share one."""
        by_action: dict[str, list[str]] = {}
        gathers: dict[str, bool] = {}
        for recipient in recipients:
            action = self.action(recipient)
            by_action.setdefault(str(action), []).append(recipient)
            gathers[str(action)] = action.name not in ONE_BY_ONE
        planned = []
        for name, together in by_action.items():
            indexes = [None] if gathers[name] else range(photos)
            planned += [Planned(name, tuple(together), index) for index in indexes]
        return planned
