"""[source]: where the state repository is, and how it is asked."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator, model_validator

from reconciler.settings.base import Section
from reconciler.settings.fields import Duration, OptionalPath, Text, refused

_URL = re.compile(r"(https|ssh|file)://[^\s/?#][^\s]*|file:///\S+|[A-Za-z0-9_.+-]+@[A-Za-z0-9.-]+:[^\s-]\S*|/\S*")
_REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_MIB = 1 << 20


def _url(given: object) -> object:
    if not isinstance(given, str) or (given and not _URL.fullmatch(given)):
        raise refused(
            "this is no address of a state repository", "write an https, ssh or file URL, or an absolute path"
        )
    if re.search(r"://[^/@\s]+:[^/@\s]*@", given):
        raise refused("a password in the URL", "put it into a file, and name that as source.credentials_file")
    return given


class Source(Section):
    """The state repository, and how it is asked."""

    url: Annotated[str, BeforeValidator(_url)] = Field(
        "", description="The state repository: an https, ssh or file URL, or a directory (absolute path)."
    )
    branch: Text = Field("", description="The branch to follow. Default: the remote's.")
    tag: Text = Field("", description="The tag to follow, in place of a branch; it has to move forward only.")
    subdirectory: Text = Field("", description="Where the state lies inside the repository.")
    deploy_key: OptionalPath = Field("", description="The private key file for ssh. Default: what ssh finds itself.")
    known_hosts: OptionalPath = Field(
        "", description="The known_hosts file for ssh. Default: that of the user and of the host."
    )
    credentials_file: OptionalPath = Field(
        "", description="User and password for https, in the form of git's credential store: https://USER:TOKEN@HOST."
    )
    ca_file: OptionalPath = Field(
        "", description="The authorities that vouch for the https server. Default: the host's."
    )
    poll_interval: Duration = Field(
        timedelta(minutes=1), description="How often the remote is asked.", ge=timedelta(seconds=1)
    )
    timeout: Duration = Field(
        timedelta(minutes=1), description="How long one conversation with the remote may take.", gt=timedelta(0)
    )
    stale_after: Duration = Field(
        timedelta(days=90), description="After how long without a new commit an alert is due. 0s: never."
    )
    max_size: int = Field(1024 * _MIB, description="The most bytes that one fetch may bring.", ge=_MIB)

    @field_validator("branch", "tag")
    @classmethod
    def _is_a_ref(cls, given: str) -> str:
        if given and (not _REF.fullmatch(given) or ".." in given or given.endswith((".lock", "."))):
            raise refused(f"{given!r} is no name of a branch or tag", "write it as git shows it, without refs/heads/")
        return given

    @field_validator("subdirectory")
    @classmethod
    def _is_inside(cls, given: str) -> str:
        if given.startswith("/") or ".." in given.split("/"):
            raise refused(f"{given!r} leads out of the repository", "write a path inside it, such as mail/tls")
        return given

    @model_validator(mode="after")
    def _one_ref(self) -> Source:
        if self.branch and self.tag:
            raise refused("both a branch and a tag", "follow one of them")
        return self
