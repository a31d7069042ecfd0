"""GitHub's REST API, and GitHub Enterprise's.

Source: docs.github.com/rest, version 2022-11-28: issues/comments, commits/statuses, pulls, users.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.errors import ForgeRefused
from reconciler.notify.forge import answers
from reconciler.notify.forge.client import Client
from reconciler.notify.forge.model import Posted, State, Status

API = "https://api.github.com"
_ACTIONS = "github-actions[bot]"  # whose token may not ask who it is


def headers(token: str) -> Mapping[str, str]:
    return {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {token}",
        "X-GitHub-Api-Version": "2022-11-28",
    }


class GitHub:
    """`named` is the login that comments are made under, where the token itself must not be asked."""

    most_files = 3000  # "List pull requests files"

    def __init__(self, client: Client, repository: str, named: str = "") -> None:
        self._client = client
        self._at = f"repos/{answers.repository(repository, deepest=2)}"
        self._named = named

    def author(self) -> str:
        if self._named:
            return self._named
        try:
            return answers.text(self._client.get("user"), "login")
        except ForgeRefused as refused:
            if "Resource not accessible by integration" in str(refused):
                return _ACTIONS
            raise

    def comments(self, pull_request: int) -> Iterator[Posted]:
        for item in self._client.pages(f"{self._at}/issues/{pull_request}/comments", per_page=100):
            author = item.get("user") if isinstance(item, dict) else None  # null once the account is gone
            login = answers.text(author, "login") if author else ""
            yield Posted(answers.number(item, "id"), login, item.get("body") or "")

    def create(self, pull_request: int, body: str) -> None:
        self._client.send("POST", f"{self._at}/issues/{pull_request}/comments", {"body": body})

    def update(self, pull_request: int, comment: int, body: str) -> None:  # noqa: ARG002 - other forges need it
        self._client.send("PATCH", f"{self._at}/issues/comments/{comment}", {"body": body})

    def status(self, commit: str, context: str) -> Status | None:
        for item in self._client.pages(f"{self._at}/commits/{answers.commit(commit)}/statuses", per_page=100):
            if answers.text(item, "context") == context:
                state = answers.text(item, "state")
                known = State(state) if state in set(State) else State.FAILURE
                return Status(context, known, item.get("description") or "", item.get("target_url") or "")
        return None

    def set_status(self, commit: str, status: Status) -> None:
        body = {"state": status.state.value, "context": status.context, "description": status.description}
        body |= {"target_url": status.url} if status.url else {}
        self._client.send("POST", f"{self._at}/statuses/{answers.commit(commit)}", body, again=True)

    def pull_requests(self, branch: str, commit: str, into: str) -> Iterator[int]:
        for item in self._client.pages(f"{self._at}/pulls", state="open", head=branch, per_page=100):
            if answers.text(item, "head", "sha") != answers.commit(commit):
                continue
            if not into or answers.text(item, "base", "ref") == into:
                yield answers.number(item, "number")

    def changed_files(self, pull_request: int) -> Iterator[tuple[str, str]]:
        for item in self._client.pages(f"{self._at}/pulls/{pull_request}/files", per_page=100):
            yield answers.text(item, "filename"), item.get("previous_filename") or ""
