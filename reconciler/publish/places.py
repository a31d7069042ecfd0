"""A place for snapshots, told by its form.

`https://…` is an address to PUT to and GET from; a repository says so: `git+https://…`, `git+ssh://…`, `git+file://…`,
or `user@host:path`; everything else is a directory.
"""

from __future__ import annotations

import re
from pathlib import Path

from reconciler.errors import UsageError
from reconciler.publish.place import Place

_GIT = re.compile(r"git\+((?:https|ssh|file)://\S+)|([A-Za-z0-9_.+-]+@[A-Za-z0-9.-]+:\S+)")
_WEB = re.compile(r"https://[^\s?#]+|http://(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?(?:/[^\s?#]*)?")
_QUERY = re.compile(r"[?#].*", re.DOTALL)  # where a signed address carries what lets one in
_CREDENTIALS = re.compile(r"(?<=://)[^/\s]+@")


def place(where: str, token: str = "") -> Place:
    """The place that a person named; `token` is for an HTTPS address, or a repository behind one.

    Raises UsageError where it is none.
    """
    found = _GIT.fullmatch(where)
    if found:
        from reconciler.publish.repository import Repository

        return Repository(found[1] or found[2], token)
    if _WEB.fullmatch(where):
        from reconciler.publish.address import Address

        return Address(where.rstrip("/"), token)
    from reconciler.publish.directory import Directory

    if "://" in where or "::" in where or where.startswith("-") or not where:
        forms = "a directory, an https:// address, or git+https://, git+ssh:// or git+file:// and a repository"
        shown = _QUERY.sub("?…", _CREDENTIALS.sub("", where))
        raise UsageError(f"{shown!r} is no place for snapshots; name {forms}")
    return Directory(Path(where))
