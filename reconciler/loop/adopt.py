"""Adopt: what stands on the host at one address becomes what the host file says."""

from __future__ import annotations

from reconciler import importer, plan
from reconciler.importer import CannotAdopt, Patch
from reconciler.loop.look import look
from reconciler.loop.place import Where
from reconciler.model import address
from reconciler.model.address import Address, OptionAddress, RowAddress, ServiceAddress
from reconciler.postfix import endpoint


def adopt(where: Where, text: str) -> Patch:
    """The patch after which a plan no longer shows the address.

    Raises CannotAdopt, and every error that reading knows.
    """
    try:
        subject = _canonical(address.parse(text))
    except ValueError as error:
        raise CannotAdopt(str(error)) from error
    sight = look(where)
    repo = sight.repo
    patch = importer.adopt(subject, sight.desired, sight.live, repo)
    made = plan.plan(patch.state, sight.live, sight.last, revision=repo.revision, origin=repo.origin)
    changed = {it.address for it in made.changes if not it.forget}
    differing = {it.address for it in made.drift} | {it.address for it in made.observed}
    if subject in changed | differing:
        raise CannotAdopt(f"{subject}: a plan would still show it; edit {patch.file} by hand")
    return patch


def _canonical(subject: Address) -> Address:
    """As plans name it: `587` is `submission`, and the key of a policy is in lower case."""
    match subject:
        case ServiceAddress(name, type_):
            return ServiceAddress(endpoint.canonical(name, type_), type_)
        case OptionAddress(ServiceAddress(name, type_), option):
            return OptionAddress(ServiceAddress(endpoint.canonical(name, type_), type_), option)
        case RowAddress(path, key):
            return RowAddress(path, key.lower())
        case _:
            return subject
