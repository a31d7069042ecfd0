"""One forge's API over HTTPS: bounded in time, size and pages, patient with rate limits, silent about the token."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import httpx

from reconciler import __version__
from reconciler.errors import ForgeBusy, ForgeRefused, UsageError
from reconciler.frozen import dataclass
from reconciler.report.terminal import clean

_MAX_BYTES = 16 * 1024 * 1024
_MAX_PAGES = 100
_TOLD = 200  # characters of what a forge says about an error
_NEXT = re.compile(r'<([^<>]+)>\s*;[^,]*\brel="?next"?')
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_SAFE = ("GET", "PUT", "PATCH")  # what can be said twice and means it once


@dataclass(frozen=True, slots=True)
class Token:
    """A secret that no repr, message or log shows."""

    value: str = field(repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\x21-\x7e]{1,4096}", self.value):
            raise UsageError("the token is empty, or holds what no token holds")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one call may pause for a forge altogether, how often it asks, and how long it listens each time."""

    most: timedelta = timedelta(minutes=2)
    attempts: int = 5
    each: timedelta = timedelta(seconds=30)
    wait: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - what a forge says is JSON of any shape
        return json.loads(self.body) if self.body else None


class Client:
    """Calls below `base`, with these headers; as a context manager it keeps its connections."""

    def __init__(self, base: str, token: Token, header: Callable[[str], Mapping[str, str]], patience: Patience) -> None:
        parts = urlsplit(base)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise UsageError(f"{base}: a token is sent over https only")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise UsageError("the forge's URL is scheme, host and path; the token goes into a file or the environment")
        self._base = base.rstrip("/") + "/"
        self._token = token
        self._patience = patience
        headers = {"User-Agent": f"postfix-tls-reconciler/{__version__}", **header(token.value)}
        self._http = httpx.Client(headers=headers, timeout=patience.each.total_seconds(), follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **parameters: str | int) -> Any:  # noqa: ANN401
        return self._call("GET", path, parameters=parameters).json()

    def send(self, method: str, path: str, body: Mapping[str, str], *, again: bool = False) -> Any:  # noqa: ANN401
        """`again` says that what is sent may be sent once more where it is unclear whether it arrived."""
        return self._call(method, path, body=body, again=again).json()

    def pages(self, path: str, **parameters: str | int) -> Iterator[Any]:
        """Every item of a list, page by page, as the Link header leads."""
        where = path
        for _ in range(_MAX_PAGES):
            answer = self._call("GET", where, parameters=parameters)
            items = answer.json()
            if not isinstance(items, list):
                raise ForgeRefused(f"{self._shown(where)}: a list was expected")
            yield from items
            following = _NEXT.search(answer.headers.get("link", ""))
            if following is None:
                return
            where, parameters = self._inside(urljoin(self._base + path, following[1])), {}
        raise ForgeRefused(f"{self._shown(path)}: more than {_MAX_PAGES} pages")

    def _inside(self, url: str) -> str:
        """A page's address, where it is of the same origin: the token goes nowhere else."""
        here, there = urlsplit(self._base), urlsplit(url)
        if (here.scheme, here.netloc) != (there.scheme, there.netloc):
            raise ForgeRefused(f"the next page is said to be at {clean(there.netloc)}, where the token is not sent")
        return url

    def _call(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, str | int] | None = None,
        body: Mapping[str, str] | None = None,
        again: bool = False,
    ) -> Answer:
        url = urljoin(self._base, path)
        left, repeatable = self._patience.most.total_seconds(), again or method in _SAFE
        for attempt in range(self._patience.attempts):
            answer, trouble = self._once(method, url, parameters, body)
            if answer is not None and answer.status < HTTPStatus.MULTIPLE_CHOICES:
                return self._read(answer, url)
            pause = _pause(answer, attempt, repeatable=repeatable)
            if pause is None:
                raise self._refusal(method, url, answer, trouble)
            if pause > left or attempt == self._patience.attempts - 1:
                raise ForgeBusy(f"{method} {self._shown(url)}: {self._why(answer, trouble)}; asked {attempt + 1} times")
            left -= pause
            self._patience.wait(pause)
        raise AssertionError("the last attempt returns or raises")

    def _once(
        self, method: str, url: str, parameters: Mapping[str, str | int] | None, body: Mapping[str, str] | None
    ) -> tuple[Answer | None, str]:
        try:
            with self._http.stream(method, url, params=parameters or None, json=body) as response:
                content = b""
                for part in response.iter_bytes():
                    content += part
                    if len(content) > _MAX_BYTES:
                        raise ForgeRefused(f"{self._shown(url)}: an answer of more than {_MAX_BYTES} bytes")
                return Answer(response.status_code, response.headers, content), ""
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return None, str(error) or type(error).__name__

    def _read(self, answer: Answer, url: str) -> Answer:
        try:
            answer.json()
        except (ValueError, RecursionError):
            raise ForgeRefused(f"{self._shown(url)}: the answer is no JSON") from None
        return answer

    def _refusal(self, method: str, url: str, answer: Answer | None, trouble: str) -> ForgeRefused | ForgeBusy:
        text = f"{method} {self._shown(url)}: {self._why(answer, trouble)}"
        return (
            ForgeBusy(text)
            if answer is None or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            else ForgeRefused(text)
        )

    def _why(self, answer: Answer | None, trouble: str) -> str:
        if answer is None:
            return self._without_token(trouble)
        try:
            said = answer.json()
            message = said.get("message") or said.get("error") if isinstance(said, dict) else ""
        except (ValueError, RecursionError):
            message = ""
        status = answer.status
        name = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
        return f"{status} {name}" + (f": {self._without_token(str(message))}" if message else "")

    def _without_token(self, text: str) -> str:
        return clean(text.replace(self._token.value, "(masked)"))[:_TOLD]

    def _shown(self, url: str) -> str:
        """Which call it was: the host and the path, without what follows `?`."""
        parts = urlsplit(urljoin(self._base, url))
        return self._without_token(f"{parts.netloc}{parts.path}")


def _pause(answer: Answer | None, attempt: int, *, repeatable: bool) -> float | None:
    """How many seconds to wait before asking again, or None where that would not help."""
    if answer is None or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return float(2**attempt) if repeatable else None
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS or _is_limit(answer):
        named = _named_pause(answer.headers)
        return float(2**attempt) if named is None else max(1.0, named)
    return None


def _is_limit(answer: Answer) -> bool:
    """GitHub answers 403 both for what is forbidden and for what is too much.

    Source: GitHub's REST API, "Rate limits": `x-ratelimit-remaining: 0`, or `retry-after`.
    """
    if answer.status != HTTPStatus.FORBIDDEN:
        return False
    return answer.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in answer.headers


def _named_pause(headers: Mapping[str, str]) -> float | None:
    """The seconds that a forge names: Retry-After as seconds or a date, or the time its limit is reset."""
    after = headers.get("retry-after", "").strip()
    if after.isdigit():
        return float(after)
    if after:
        try:
            return (parsedate_to_datetime(after) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    reset = headers.get("x-ratelimit-reset", headers.get("ratelimit-reset", "")).strip()
    return float(reset) - time.time() if reset.isdigit() and len(reset) < 12 else None
