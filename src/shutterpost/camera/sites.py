"""The social sites whose names are in the cameras' firmware (docs/protocol.md, section 4)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Site:
    """One site a camera can share to."""

    name: str
    video: bool = False
    """Whether cameras offer it for videos (proven for none, inferred for two)."""
    oauth: bool = False
    """Whether its login is an OAuth flow that nobody has recorded."""


SITES = {
    site.name: site
    for site in (
        Site("facebook", video=True),
        Site("picasa"),
        Site("youtube", video=True),
        Site("photobucket"),
        Site("samsungimaging"),
        Site("cyworld"),
        Site("me2day"),
        Site("poco"),
        Site("weibo"),
        Site("renren"),
        Site("vkontakte"),
        Site("odnoklassniki"),
        Site("kakaostory"),
        Site("evernote"),
        Site("skydrive", oauth=True),
        Site("flickr", oauth=True),
        Site("dropbox", oauth=True),
    )
}
