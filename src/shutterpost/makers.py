"""Makes actions from their settings; what the configuration does not use is not imported."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shutterpost.actions import Action, store
from shutterpost.actions.unusable import Unusable
from shutterpost.config import Config
from shutterpost.config.fitting import unusable
from shutterpost.config.values import Secret
from shutterpost.photos_folder import PhotosFolder


@dataclass(frozen=True, slots=True)
class Parts:
    """What actions are made from."""

    config: Config
    secret: Secret
    photos: PhotosFolder


def actions(config: Config, secret: Secret, photos: PhotosFolder) -> dict[str, Action]:
    """The configured actions by name; all that store do so in `photos`."""
    used = {"store", *(str(action) for action in config.actions.values())}
    if config.email.host:
        used.add("email")
    else:
        used.discard("email")  # its shipments are stored
    wrong = {
        str(action): why
        for key, action in config.actions.items()
        if (why := unusable(config, key, action))
    }
    made: dict[str, Action] = {}
    for full_name in used:
        if full_name in wrong:
            made[full_name] = Unusable(wrong[full_name])
            continue
        name, _, instance = full_name.partition(".")
        made[full_name] = _MAKERS[name](Parts(config, secret, photos), instance)
    return made


def unmailable(made: Mapping[str, Action]) -> Callable[[str], str]:
    """Asks the actions why an address cannot be mailed; an empty answer means that it can."""
    if "email" not in made:
        return lambda recipient: ""
    from shutterpost.actions.email import Email

    email = made["email"]
    assert isinstance(email, Email)
    return email.unmailable


def photos_folder(config: Config) -> PhotosFolder:
    """Where photos are stored."""
    return PhotosFolder(config.storage.photos, config.storage.data, config.storage.min_free)


def _store(parts: Parts, instance: str) -> Action:
    return store.Store(parts.photos, parts.secret, instance)


def _email(parts: Parts, instance: str) -> Action:
    from shutterpost.actions.email import Email

    return Email(parts.config.email)


def _mastodon(parts: Parts, instance: str) -> Action:
    from shutterpost.actions.mastodon import Mastodon

    return Mastodon(parts.config.mastodon[instance])


def _shell(parts: Parts, instance: str) -> Action:
    from shutterpost.actions.shell import Shell

    keeping = store.Store(parts.photos, parts.secret, instance)
    return Shell(parts.config.shell[instance], parts.config.folder, keeping.store)


def _drop(parts: Parts, instance: str) -> Action:
    from shutterpost.actions.drop import Drop

    return Drop()


_MAKERS: dict[str, Callable[[Parts, str], Action]] = {
    "store": _store,
    "email": _email,
    "mastodon": _mastodon,
    "shell": _shell,
    "drop": _drop,
}
