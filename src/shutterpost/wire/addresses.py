"""E-mail addresses as mail servers take them. Pure."""


class UnmailableAddress(ValueError):
    """No mail server could take this address; the message says why."""


def mailable(address: str) -> str:
    """The address with its domain as `xn--...` (IDNA 2008); ASCII ones are left as they are.

    A local part beyond ASCII stays: only a server with SMTPUTF8 takes it. Raises
    UnmailableAddress.
    """
    local, _, domain = address.rpartition("@")
    if domain.isascii():
        return address
    import idna  # its tables are large, and few have such a domain

    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode('ascii')}"
    except UnicodeError as error:  # idna.IDNAError is one
        raise UnmailableAddress(f"the domain {domain} is not valid: {error}") from None
