"""[publish]: where this host's redacted snapshot goes, for plans in pull requests."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from reconciler.settings.base import Section
from reconciler.settings.fields import Duration, OptionalPath, Text


class Publish(Section):
    """Where this host's redacted snapshot goes, for plans in pull requests."""

    target: Text = Field(
        "",
        description="A directory, an https URL to PUT to, a git repository (git+https://, git+ssh://, git+file://), "
        "or empty: nothing is published.",
    )
    token_file: OptionalPath = Field("", description="The file whose first line is the token for an https URL.")
    signing_key: OptionalPath = Field("", description="The SSH key that signs snapshots, such as the host's own.")
    interval: Duration = Field(
        timedelta(hours=1), description="How often, where nothing changed.", ge=timedelta(minutes=1)
    )
