"""Snapshots behind an HTTPS address, by the name of their host. No redirect is followed, no proxy guessed."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field
from datetime import timedelta
from urllib.parse import quote

import httpx

from reconciler.errors import PublishFailed, SnapshotRefused
from reconciler.frozen import dataclass
from reconciler.model.published import MAXIMUM_SIZE
from reconciler.model.wire import SUFFIX
from reconciler.publish.place import Reader, check_name

_OFTEN = 3  # hosts in a row, after which a place that gives no answer in time is not asked for others
_MISSING = (404, 410)
_CREDENTIALS = re.compile(r"(?<=://)[^/\s]+@")


@dataclass(frozen=True, slots=True)
class Address:
    """`url` without a slash at its end; `token` is sent as a bearer token. No password of either is ever shown.

    `patience` is for one snapshot, from the question to the last byte.
    """

    url: str
    token: str = field(default="", repr=False)
    patience: timedelta = timedelta(seconds=30)

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
        late = 0

        def read(name: str) -> bytes | SnapshotRefused | None:
            nonlocal late
            if late == _OFTEN:
                return SnapshotRefused(f"it was not asked for: {_OFTEN} before it were not there in {self._limit:g} s")
            try:
                found = self._get(client, name)
            except httpx.TimeoutException as error:
                late += 1
                return SnapshotRefused(f"it cannot be had ({_why(error)})")
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                found = SnapshotRefused(f"it cannot be had ({_why(error)})")
            late = 0
            return found

        with self._client() as client:
            yield read

    @property
    def _limit(self) -> float:
        return self.patience.total_seconds()

    def _get(self, client: httpx.Client, name: str) -> bytes | SnapshotRefused | None:
        """Raises httpx.HTTPError and httpx.InvalidURL."""
        deadline = time.monotonic() + self._limit
        with client.stream("GET", self._of(name)) as answer:
            if answer.status_code in _MISSING:
                return None
            if not answer.is_success:
                return SnapshotRefused(f"it cannot be had (HTTP {answer.status_code})")
            return _bounded(answer, deadline)

    def _of(self, name: str) -> str:
        return f"{self.url}/{quote(name)}{SUFFIX}"

    def _client(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return httpx.Client(
            verify=ssl.create_default_context(), headers=headers, timeout=self._limit, trust_env=False,
            follow_redirects=False,
        )  # fmt: skip


def _bounded(answer: httpx.Response, deadline: float) -> bytes | SnapshotRefused:
    """Raises httpx.ReadTimeout where it goes on and on."""
    content = bytearray()
    for piece in answer.iter_bytes():
        content += piece
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout("the answer does not end")
        if len(content) > MAXIMUM_SIZE:
            return SnapshotRefused(f"it has more than {MAXIMUM_SIZE} bytes")
    return bytes(content)


def _why(error: Exception) -> str:
    """What went wrong, without the request: its headers hold the token."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
