"""What the half of the agent without a network gives to the half that has it, in the place of sending it."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING

from reconciler.errors import ForgeBusy, PublishFailed
from reconciler.frozen import dataclass
from reconciler.model import codec
from reconciler.model.alert import Alert
from reconciler.notify import spool
from reconciler.notify.send import Target, Undelivered

if TYPE_CHECKING:
    from reconciler.loop.publishing import Made
    from reconciler.notify.forge.status import Outcome
    from reconciler.settings.forge import Forge

ALERT, STATUS, SNAPSHOT = "alert", "status", "snapshot"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Of one instance. Its methods stand where those stand that send; no URL and no token is laid down."""

    directory: str
    instance: str

    def alert(self, target: Target, alert: Alert) -> None:
        """Each one is a parcel of its own.

        Raises Undelivered.
        """
        body = {"kind": ALERT, "target": target.id, "alert": codec.encode(alert)}
        try:
            spool.lay_down(self.directory, f"{self.instance}.alert.{time.time_ns():020d}.{target.id}", body)
        except spool.SpoolUnusable as error:
            raise Undelivered(f"{target.label}: {error}") from error

    def status(self, _forge: Forge, commit: str, host: str, outcome: Outcome, reason: str = "") -> bool:
        """Of a commit the last word counts.

        Raises ForgeBusy.
        """
        body = {"kind": STATUS, "commit": commit, "host": host, "outcome": outcome.value, "reason": reason}
        try:
            spool.lay_down(self.directory, f"{self.instance}.status.{commit}", body)
        except spool.SpoolUnusable as error:
            raise ForgeBusy(str(error)) from error
        return True

    def snapshot(self, made: Made, _where: str, _token: str = "") -> None:
        """The last one counts; it is signed already.

        Raises PublishFailed.
        """
        body = {"kind": SNAPSHOT, "name": made.name, "content": base64.b64encode(made.content).decode()}
        try:
            spool.lay_down(self.directory, f"{self.instance}.snapshot", body)
        except spool.SpoolUnusable as error:
            raise PublishFailed(str(error)) from error
