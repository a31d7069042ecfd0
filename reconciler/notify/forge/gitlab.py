"""GitLab's REST API, version 4: notes of merge requests, statuses of commits.

Source: docs.gitlab.com/api: notes, commits ("Set commit pipeline status"), merge_requests, users, rest (pagination).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import quote

from reconciler.errors import ForgeRefused
from reconciler.notify.forge import answers
from reconciler.notify.forge.client import Client
from reconciler.notify.forge.model import Posted, State, Status

API = "https://gitlab.com/api/v4"
_SAID = {State.PENDING: "pending", State.SUCCESS: "success", State.FAILURE: "failed"}
_READ = {word: state for state, word in _SAID.items()} | {"running": State.PENDING, "created": State.PENDING}


def headers(token: str) -> Mapping[str, str]:
    return {"Accept": "application/json", "PRIVATE-TOKEN": token}


class GitLab:
    """`named` is the user name that notes are made under, where the token itself must not be asked."""

    most_files = 1000  # "Diff limits administration": the smallest that is in use

    def __init__(self, client: Client, repository: str, named: str = "") -> None:
        self._client = client
        self._at = f"projects/{quote(answers.repository(repository, deepest=20), safe='')}"
        self._named = named

    def author(self) -> str:
        return self._named or answers.text(self._client.get("user"), "username")

    def comments(self, pull_request: int) -> Iterator[Posted]:
        where = f"{self._at}/merge_requests/{pull_request}/notes"
        for item in self._client.pages(where, per_page=100, sort="asc", order_by="created_at"):
            if isinstance(item, dict) and not item.get("system"):
                yield Posted(
                    answers.number(item, "id"), answers.text(item, "author", "username"), item.get("body") or ""
                )

    def create(self, pull_request: int, body: str) -> None:
        self._client.send("POST", f"{self._at}/merge_requests/{pull_request}/notes", {"body": body})

    def update(self, pull_request: int, comment: int, body: str) -> None:
        self._client.send("PUT", f"{self._at}/merge_requests/{pull_request}/notes/{comment}", {"body": body})

    def status(self, commit: str, context: str) -> Status | None:
        """GitLab gives the latest of each name, unless asked for all."""
        where = f"{self._at}/repository/commits/{answers.commit(commit)}/statuses"
        for item in self._client.pages(where, name=context, per_page=100):
            if answers.text(item, "name") == context:
                state = _READ.get(answers.text(item, "status"), State.FAILURE)
                return Status(context, state, item.get("description") or "", item.get("target_url") or "")
        return None

    def set_status(self, commit: str, status: Status) -> None:
        body = {"state": _SAID[status.state], "name": status.context, "description": status.description}
        body |= {"target_url": status.url} if status.url else {}
        try:
            self._client.send("POST", f"{self._at}/statuses/{answers.commit(commit)}", body, again=True)
        except ForgeRefused as refused:
            if "Cannot transition status" not in str(refused):  # it is in that state already
                raise

    def pull_requests(self, branch: str, commit: str, into: str) -> Iterator[int]:
        _, _, name = branch.rpartition(":")
        for item in self._client.pages(f"{self._at}/merge_requests", state="opened", source_branch=name, per_page=100):
            if answers.text(item, "sha") != answers.commit(commit):
                continue
            if not into or answers.text(item, "target_branch") == into:
                yield answers.number(item, "iid")

    def changed_files(self, pull_request: int) -> Iterator[tuple[str, str]]:
        for item in self._client.pages(f"{self._at}/merge_requests/{pull_request}/diffs", per_page=100):
            yield answers.text(item, "new_path"), answers.text(item, "old_path")
