"""`reconciler webhook`: listen for a forge's pushes, and wake the agent."""

from __future__ import annotations

import argparse
import signal
import stat
import threading
from pathlib import Path

from reconciler.cli import where
from reconciler.errors import UsageError

DEFAULT_LISTEN = "127.0.0.1:9188"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where.add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    from reconciler import log
    from reconciler.host.notify_socket import from_environment
    from reconciler.web.signature import Style
    from reconciler.web.webhook import Receiving, Server

    settings = where.read(arguments.settings)
    webhook, trigger = settings.webhook, settings.agent.trigger_file
    if not trigger:
        raise UsageError("agent.trigger_file is empty in the settings: there is nothing to touch")
    receiving = Receiving(Style(webhook.style.value), _secret(webhook.secret_file), trigger, webhook.max_size)
    listen = webhook.listen or DEFAULT_LISTEN
    host, _, port = listen.rpartition(":")
    try:
        server = Server(host.strip("[]"), int(port), receiving)
    except OSError as error:
        hint = f"`ss -ltnp sport = :{port}` says who does; set webhook.listen to an address of this host that is free"
        raise UsageError(f"webhook.listen: {listen}: {error.strerror or error}; {hint}") from error
    log.configure()
    with server:
        stop = threading.Thread(target=server.shutdown)
        signal.signal(signal.SIGTERM, lambda *_: stop.start())
        from_environment().ready()
        server.serve_forever()
    return 0


def _secret(path: str) -> bytes:
    """The first line of the file.

    Raises UsageError where there is none, or everybody may read it.
    """
    if not path:
        raise UsageError("webhook.secret_file is not set; write the secret shared with the forge into a file")
    try:
        about = Path(path).stat()
        secret = Path(path).read_bytes().partition(b"\n")[0].strip()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; it holds the secret shared with the forge") from error
    if not secret:
        raise UsageError(f"{path}: the first line is empty; write the secret shared with the forge")
    if stat.S_IMODE(about.st_mode) & 0o007:
        raise UsageError(f"{path}: everybody may read it; chmod 0640, and the group that the receiver runs as")
    return secret
