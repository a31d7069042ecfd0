"""What git complained of, in one line for a person."""

from __future__ import annotations

from reconciler.source.remote import without_credentials

_COMPLAINTS = ("fatal: ", "error: ")
_PROGRESS = "Cloning into "
_REMOTE_GONE = "Could not read from remote repository"  # all that git knows of where ssh(1) failed


def complaint(stderr: str) -> str:
    """git's first complaint, or what ssh(1) said before it, and no advice."""
    text = without_credentials(stderr).strip().removeprefix("stderr:").strip(" '\n")
    lines = [line.strip() for line in text.split("\n") if line.strip() and not line.startswith(_PROGRESS)]
    complaints = [at for at, line in enumerate(lines) if line.startswith(_COMPLAINTS)]
    if not complaints:
        return lines[0] if lines else "git could not clone it"
    at = complaints[0]
    if at and _REMOTE_GONE in lines[at]:
        at -= 1
    return lines[at].partition(": ")[2] if lines[at].startswith(_COMPLAINTS) else lines[at]
