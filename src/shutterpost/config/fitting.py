"""Whether settings fit together: what no single value can show."""

import re
from urllib.parse import urlsplit

from shutterpost.config.settings import ActionName, Config, Mastodon, Shell

INSTANCED = ("mastodon", "shell")
"""Actions whose instances are sections of their own."""
PLACEHOLDERS = ("sender", "recipient", "filename", "subject", "body")
"""What a shell command's template may ask for."""

_BRACES = re.compile(r"\{([a-z]+)\}")


def is_safe(url: str) -> bool:
    """Whether a token may be sent there: encrypted, or to this machine."""
    host = urlsplit(url).hostname or ""
    return url.startswith("https://") or host in ("localhost", "127.0.0.1", "::1")


def unusable(config: Config, key: str, action: ActionName) -> str:
    """Why an action cannot work as configured, or nothing."""
    section = getattr(config, action.name) if action.name in INSTANCED else {"": None}
    if action.name in INSTANCED and action.instance not in section:
        return f"there is no section [{action}]"
    settings = section.get(action.instance)
    if isinstance(settings, Mastodon) and not (settings.url and settings.token):
        return f'"{action}" needs url and token (or token_file) in [{action}]'
    if isinstance(settings, Shell) and not settings.cmd:
        return f'"{action}" needs cmd in [{action}]'
    if action.name == "email" and "@" not in key and not config.email.to:
        return f"photos for {key} cannot be mailed without an address: set to in [email]"
    return ""


def _is_open_to_strangers(config: Config) -> bool:
    """Whether someone outside the private networks could guess how to send mail."""
    public = any(not network.is_private for network in config.server.allow)
    guessable = not {"*", "camera@samsungcamera.com"}.isdisjoint(
        sender.lower() for sender in config.senders
    )
    mails = bool(config.email.host) and "*" in config.server.recipients
    return public and guessable and mails


def warnings(config: Config) -> list[str]:
    """What works, but perhaps not as the owner thinks."""
    found = []
    if _is_open_to_strangers(config):
        found.append(
            "[server] allow lets strangers in, senders is easy to guess, and everyone may be "
            "mailed: others could send mail through this server; name the recipients in "
            "[server] recipients"
        )
    if config.notify.email and not config.email.host:
        found.append("[notify] email needs an SMTP server: set [email] host")
    email = config.email
    if email.security == "none" and email.password and email.host not in ("localhost", "127.0.0.1"):
        found.append('[email] security is "none": the SMTP password travels unencrypted')
    mailed = [key for key, action in config.actions.items() if action.name == "email"]
    if mailed and not email.host:
        found.append(f"[email] has no host: what is sent to {', '.join(mailed)} is stored instead")
    for name, shell in config.shell.items():
        words = {word for part in (*shell.cmd, shell.stdin) for word in _BRACES.findall(part)}
        for word in sorted(words - set(PLACEHOLDERS)):
            section = f"shell.{name}" if name else "shell"
            found.append(f"[{section}] {{{word}}} is no placeholder and stays as it is")
    return found
