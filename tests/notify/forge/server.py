"""Local servers that answer as GitHub's, GitLab's and Forgejo's APIs are documented to, in what is used here.

Each request needs the token in the header of its kind; lists come in pages with a Link header; a body that is too long,
a name that is not there and a right that is missing are answered as the forge does. `faults` are given out first.
"""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

TOKEN = "ghs_CanaryTokenThatNobodyMaySee0123456789"
REPOSITORY = "mail/state"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Fault:
    """One answer instead of the true one; `after` lets the request take effect first, as a lost answer does."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b'{"message": "trouble"}'
    method: str = ""
    after: bool = False


@dataclass
class Server:
    kind: str
    url: str = ""
    me: str = "reconciler-bot"
    commit: str = COMMIT
    is_app: bool = False  # a token of GitHub Actions, that may not ask who it is
    page: int = 3  # items a page, whatever is asked for
    comments: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    pulls: list[dict[str, Any]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    faults: deque[Fault] = field(default_factory=deque)
    seen: list[str] = field(default_factory=list)
    next_id: int = 1

    @property
    def api(self) -> str:
        return self.url + {"github": "", "gitlab": "/api/v4", "forgejo": "/api/v1"}[self.kind]

    def comment(self, author: str, body: str) -> int:
        """Somebody's comment, made on the web page."""
        number, self.next_id = self.next_id, self.next_id + 1
        self.comments.append({"id": number, "user": author, "body": body})
        return number

    def body(self, number: int) -> str:
        return next(it["body"] for it in self.comments if it["id"] == number)

    def writes(self) -> list[str]:
        return [it for it in self.seen if not it.startswith("GET")]

    # --- what a request gets

    def answer(
        self, method: str, target: str, headers: dict[str, str], body: dict[str, Any]
    ) -> tuple[int, Any, list[Any] | None]:
        """Status, JSON, and the whole list where the JSON is a page of it."""
        if not self._is_allowed(headers):
            return 401, {"message": "Bad credentials"}, None
        path = urlsplit(target).path.removeprefix(urlsplit(self.api).path)
        query = {key: values[0] for key, values in parse_qs(urlsplit(target).query).items()}
        for pattern, verb, give in self._routes():
            match = re.fullmatch(pattern, path)
            if match and verb == method:
                return give(match, query, body)
        return 404, {"message": "404 Project Not Found" if self.kind == "gitlab" else "Not Found"}, None

    def _is_allowed(self, headers: dict[str, str]) -> bool:
        match self.kind:
            case "github":
                return headers.get("authorization") == f"Bearer {TOKEN}"
            case "gitlab":
                return headers.get("private-token") == TOKEN
            case _:
                return headers.get("authorization") == f"token {TOKEN}"

    def _routes(self) -> Iterator[tuple[str, str, Callable[..., tuple[int, Any, list[Any] | None]]]]:
        if self.kind == "gitlab":
            project = "/projects/" + REPOSITORY.replace("/", "%2F")
            notes = f"{project}/merge_requests/7/notes"
            yield "/user", "GET", lambda *_: (200, {"id": 5, "username": self.me}, None)
            yield notes, "GET", lambda *_: self._list([self._note(it) for it in self.comments])
            yield notes, "POST", self._create
            yield f"{notes}/([0-9]+)", "PUT", self._update
            yield f"{project}/repository/commits/{self.commit}/statuses", "GET", self._latest
            yield f"{project}/statuses/{self.commit}", "POST", self._set_gitlab
            diffs = [{"new_path": it, "old_path": it} for it in self.files]
            yield f"{project}/merge_requests/7/diffs", "GET", lambda *_: self._list(diffs)
            yield f"{project}/merge_requests", "GET", lambda *_: self._list(self.pulls)
            return
        at = f"/repos/{REPOSITORY}"
        yield "/user", "GET", self._user
        yield f"{at}/issues/7/comments", "GET", lambda *_: self._list([self._issue_comment(it) for it in self.comments])
        yield f"{at}/issues/7/comments", "POST", self._create
        yield f"{at}/issues/comments/([0-9]+)", "PATCH", self._update
        yield f"{at}/commits/{self.commit}/statuses", "GET", lambda *_: self._list(self.statuses[::-1])
        yield f"{at}/statuses/{self.commit}", "POST", self._set
        yield f"{at}/pulls/7/files", "GET", lambda *_: self._list([{"filename": it} for it in self.files])
        yield f"{at}/pulls", "GET", lambda *_: self._list(self.pulls)

    def _user(self, *_: object) -> tuple[int, Any, None]:
        if self.is_app:
            return 403, {"message": "Resource not accessible by integration"}, None
        return 200, {"id": 5, "login": self.me}, None

    def _list(self, items: list[Any]) -> tuple[int, Any, list[Any]]:
        return 200, None, items

    def _note(self, it: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": it["id"],
            "author": {"username": it["user"]},
            "body": it["body"].rstrip(),
            "system": it["user"] == "system",
        }

    def _issue_comment(self, it: dict[str, Any]) -> dict[str, Any]:
        user = None if it["user"] == "ghost" else {"login": it["user"]}
        return {"id": it["id"], "user": user, "body": it["body"].replace("\n", "\r\n")}

    def _create(self, _match: object, _query: object, body: dict[str, Any]) -> tuple[int, Any, None]:
        if len(body["body"]) > (1_000_000 if self.kind == "gitlab" else 65_536):
            return 422, {"message": "Validation Failed", "errors": [{"message": "body is too long"}]}, None
        return 201, {"id": self.comment("github-actions[bot]" if self.is_app else self.me, body["body"])}, None

    def _update(self, match: re.Match[str], _query: object, body: dict[str, Any]) -> tuple[int, Any, None]:
        for it in self.comments:
            if it["id"] == int(match[1]):
                it["body"] = body["body"]
                return 200, {"id": it["id"]}, None
        return 404, {"message": "Not Found"}, None

    def _set(self, _match: object, _query: object, body: dict[str, Any]) -> tuple[int, Any, None]:
        if len(body["description"]) > 140:
            return 422, {"message": "description is too long (maximum is 140 characters)"}, None
        assert body["state"] in ("error", "failure", "pending", "success")
        self.statuses.append({**body, "status": body["state"], "id": len(self.statuses)})
        return 201, {"id": len(self.statuses)}, None

    def _set_gitlab(self, _match: object, _query: object, body: dict[str, Any]) -> tuple[int, Any, None]:
        assert body["state"] in ("pending", "running", "success", "failed", "canceled", "skipped")
        same = [it for it in self.statuses if it["name"] == body["name"]]
        if same and same[-1]["status"] == body["state"]:
            return 400, {"message": f"Cannot transition status via :enqueue from :{body['state']}"}, None
        self.statuses.append({**body, "status": body["state"]})
        return 201, {"id": len(self.statuses)}, None

    def _latest(self, _match: object, query: dict[str, str], _body: object) -> tuple[int, Any, list[Any]]:
        return self._list([it for it in self.statuses if it["name"] == query["name"]][-1:])


@contextmanager
def serve(kind: str, **options: Any) -> Iterator[Server]:
    """A server on a free port of the loopback, for as long as the block runs."""
    server = Server(kind, **options)
    listener = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    server.url = f"http://127.0.0.1:{listener.server_port}"
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(size)) if size else {}
            server.seen.append(f"{self.command} {unquote(urlsplit(self.path).path)}")
            headers = {name.lower(): value for name, value in self.headers.items()}
            fault = server.faults[0] if server.faults and server.faults[0].method in ("", self.command) else None
            if fault:
                server.faults.popleft()
                if fault.after:
                    server.answer(self.command, self.path, headers, body)
                self.reply(fault.status, fault.body, fault.headers)
                return
            status, value, items = server.answer(self.command, self.path, headers, body)
            more = {"Content-Type": "application/json"}
            if items is not None:
                value = self.page_of(items, more)
            self.reply(status, json.dumps(value).encode(), more)

        do_GET = do_POST = do_PUT = do_PATCH = handle_any  # noqa: N815 - http.server's names

        def page_of(self, items: list[Any], headers: dict[str, str]) -> list[Any]:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            number = int(query.get("page", 1))
            if number * server.page < len(items):
                following = f"{server.url}{parts.path}?{urlencode({**query, 'page': number + 1})}"
                first = f"{server.url}{parts.path}?{urlencode({**query, 'page': 1})}"
                headers["Link"] = f'<{following}>; rel="next", <{first}>; rel="first"'
            return items[(number - 1) * server.page : number * server.page]

        def reply(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal of the tests."""

    return Handler
