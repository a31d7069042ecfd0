"""[forge]: where statuses and comments go."""

from __future__ import annotations

from pydantic import Field

from reconciler.settings.base import Section
from reconciler.settings.fields import OptionalPath, Text
from reconciler.settings.webhook import ForgeStyle


class Forge(Section):
    """Where the status of a commit goes. A mail host needs no token that may write to the repository."""

    kind: ForgeStyle | None = Field(None, description="github, gitlab, forgejo or gitea.")
    url: Text = Field("", description="The forge's API, such as https://git.example.org/api/v1.")
    repository: Text = Field("", description="The repository there, such as mail/state.")
    status_token_file: OptionalPath = Field(
        "", description="The file whose first line is a token that may set commit statuses. Default: none are set."
    )
