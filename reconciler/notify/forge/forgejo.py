"""The REST API of Forgejo and Gitea, which is the same in all that is used here.

Source: /api/swagger of an instance: issue, repository, user.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.notify.forge import answers
from reconciler.notify.forge.client import Client
from reconciler.notify.forge.model import Posted, State, Status


def headers(token: str) -> Mapping[str, str]:
    return {"Accept": "application/json", "Authorization": f"token {token}"}


class Forgejo:
    """`named` is the login that comments are made under, where the token itself must not be asked."""

    most_files = 3000  # it names no limit; whoever needs more is not believed

    def __init__(self, client: Client, repository: str, named: str = "") -> None:
        self._client = client
        self._at = f"repos/{answers.repository(repository, deepest=2)}"
        self._named = named

    def author(self) -> str:
        return self._named or answers.text(self._client.get("user"), "login")

    def comments(self, pull_request: int) -> Iterator[Posted]:
        for item in self._client.pages(f"{self._at}/issues/{pull_request}/comments", limit=50):
            author = item.get("user") if isinstance(item, dict) else None
            login = answers.text(author, "login") if author else ""
            yield Posted(answers.number(item, "id"), login, item.get("body") or "")

    def create(self, pull_request: int, body: str) -> None:
        self._client.send("POST", f"{self._at}/issues/{pull_request}/comments", {"body": body})

    def update(self, pull_request: int, comment: int, body: str) -> None:  # noqa: ARG002 - other forges need it
        self._client.send("PATCH", f"{self._at}/issues/comments/{comment}", {"body": body})

    def status(self, commit: str, context: str) -> Status | None:
        where = f"{self._at}/commits/{answers.commit(commit)}/statuses"
        for item in self._client.pages(where, sort="highestindex", limit=50):
            if answers.text(item, "context") == context:
                state = answers.text(item, "status")
                known = State(state) if state in set(State) else State.FAILURE
                return Status(context, known, item.get("description") or "", item.get("target_url") or "")
        return None

    def set_status(self, commit: str, status: Status) -> None:
        body = {"state": status.state.value, "context": status.context, "description": status.description}
        body |= {"target_url": status.url} if status.url else {}
        self._client.send("POST", f"{self._at}/statuses/{answers.commit(commit)}", body, again=True)

    def pull_requests(self, branch: str, commit: str, into: str) -> Iterator[int]:
        owner, _, name = branch.rpartition(":")
        for item in self._client.pages(f"{self._at}/pulls", state="open", limit=50):
            head = item.get("head") if isinstance(item, dict) else None
            if answers.text(head, "sha") != answers.commit(commit) or answers.text(head, "ref") != name:
                continue
            if into and answers.text(item, "base", "ref") != into:
                continue
            if not owner or answers.text(head, "repo", "owner", "login") == owner:
                yield answers.number(item, "number")

    def changed_files(self, pull_request: int) -> Iterator[tuple[str, str]]:
        for item in self._client.pages(f"{self._at}/pulls/{pull_request}/files", limit=50):
            yield answers.text(item, "filename"), item.get("previous_filename") or ""
