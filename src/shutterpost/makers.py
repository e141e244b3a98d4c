"""Makes actions from their settings; what the configuration does not use is not imported."""

from collections.abc import Callable

from shutterpost.actions import Action, store
from shutterpost.config import Config
from shutterpost.config.values import Secret
from shutterpost.photos_folder import PhotosFolder


def actions(config: Config, secret: Secret) -> dict[str, Action]:
    """The configured actions by name."""
    used = {"store", *(str(action) for action in config.actions.values())}
    if config.email.host:
        used.add("email")
    else:
        used.discard("email")  # its shipments are stored
    made = {}
    for full_name in used:
        name, _, instance = full_name.partition(".")
        made[full_name] = _MAKERS[name](config, secret, instance)
    return made


def photos_folder(config: Config) -> PhotosFolder:
    """Where photos are stored."""
    return PhotosFolder(config.storage.photos, config.storage.data, config.storage.min_free)


def _store(config: Config, secret: Secret, instance: str) -> Action:
    return store.Store(photos_folder(config), secret, instance)


def _email(config: Config, secret: Secret, instance: str) -> Action:
    from shutterpost.actions.email import Email

    return Email(config.email)


def _mastodon(config: Config, secret: Secret, instance: str) -> Action:
    from shutterpost.actions.mastodon import Mastodon

    return Mastodon(config.mastodon[instance])


def _shell(config: Config, secret: Secret, instance: str) -> Action:
    from shutterpost.actions.shell import Shell

    keeping = store.Store(photos_folder(config), secret)
    return Shell(config.shell[instance], config.folder, keeping.store)


def _drop(config: Config, secret: Secret, instance: str) -> Action:
    from shutterpost.actions.drop import Drop

    return Drop()


_MAKERS: dict[str, Callable[[Config, Secret, str], Action]] = {
    "store": _store,
    "email": _email,
    "mastodon": _mastodon,
    "shell": _shell,
    "drop": _drop,
}
