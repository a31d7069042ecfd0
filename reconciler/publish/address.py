"""Snapshots behind an HTTPS address, by the name of their host. No redirect is followed, no proxy guessed."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field
from urllib.parse import quote

import httpx

from reconciler.errors import PublishFailed, SnapshotRefused
from reconciler.frozen import dataclass
from reconciler.model.published import MAXIMUM_SIZE
from reconciler.model.wire import SUFFIX
from reconciler.publish.place import Reader, check_name

_SECONDS = 30.0
_MISSING = (404, 410)
_CREDENTIALS = re.compile(r"(?<=://)[^/\s]+@")


@dataclass(frozen=True, slots=True)
class Address:
    """`url` without a slash at its end; `token` is sent as a bearer token. No password of either is ever shown."""

    url: str
    token: str = field(default="", repr=False)

    def put(self, name: str, content: bytes) -> None:
        url = self._of(check_name(name))
        try:
            with self._client() as client:
                answer = client.put(url, content=content, headers={"Content-Type": "application/octet-stream"})
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise PublishFailed(f"{_CREDENTIALS.sub('', url)}: {_why(error)}") from error
        if not answer.is_success:
            raise PublishFailed(f"{_CREDENTIALS.sub('', url)}: HTTP {answer.status_code} {answer.reason_phrase}")

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        with self._client() as client:
            yield lambda name: self._get(client, name)

    def _get(self, client: httpx.Client, name: str) -> bytes | SnapshotRefused | None:
        try:
            with client.stream("GET", self._of(name)) as answer:
                if answer.status_code in _MISSING:
                    return None
                if not answer.is_success:
                    return SnapshotRefused(f"it cannot be had (HTTP {answer.status_code})")
                return _bounded(answer)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return SnapshotRefused(f"it cannot be had ({_why(error)})")

    def _of(self, name: str) -> str:
        return f"{self.url}/{quote(name)}{SUFFIX}"

    def _client(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return httpx.Client(
            verify=ssl.create_default_context(), headers=headers, timeout=_SECONDS, trust_env=False,
            follow_redirects=False,
        )  # fmt: skip


def _bounded(answer: httpx.Response) -> bytes | SnapshotRefused:
    content = bytearray()
    for piece in answer.iter_bytes():
        content += piece
        if len(content) > MAXIMUM_SIZE:
            return SnapshotRefused(f"it has more than {MAXIMUM_SIZE} bytes")
    return bytes(content)


def _why(error: Exception) -> str:
    """What went wrong, without the request: its headers hold the token."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
