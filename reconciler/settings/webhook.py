"""[webhook]: the small receiver that turns a forge's push into a touch of the trigger file."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from reconciler.settings.base import Section
from reconciler.settings.fields import OptionalListen, OptionalPath, refused


class ForgeStyle(StrEnum):
    """Whose way of signing a request."""

    GITHUB = "github"
    GITLAB = "gitlab"
    FORGEJO = "forgejo"
    GITEA = "gitea"


class Webhook(Section):
    """The receiver of a forge's pushes; without an address there is none."""

    listen: OptionalListen = Field("", description="Address and port to listen on, such as 127.0.0.1:9188.")
    secret_file: OptionalPath = Field("", description="The file whose first line is the secret shared with the forge.")
    style: ForgeStyle = Field(ForgeStyle.GITHUB, description="Whose way of signing: github, gitlab, forgejo or gitea.")
    max_size: int = Field(1 << 20, description="The most bytes a request may have.", ge=1024, le=64 << 20)

    @model_validator(mode="after")
    def _has_a_secret(self) -> Webhook:
        if self.listen and not self.secret_file:
            raise refused("a webhook without a secret", "name webhook.secret_file")
        return self
