"""The remote repository, and what git is told so that nobody but us tells it anything."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from datetime import timedelta

from reconciler.errors import SourceUnreadable
from reconciler.frozen import dataclass

_URL = re.compile(r"(https|ssh|file)://[^\s-]\S*|[A-Za-z0-9_.+-]+@[A-Za-z0-9.-]+:[^\s-]\S*")
_REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_CREDENTIALS = re.compile(r"(?<=://)[^/\s]+@")

PROTOCOLS = "https:ssh:file"
_NOTHING_OF_THE_HOST = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_COUNT": "0",
    "GIT_CONFIG_PARAMETERS": "",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS": "",
    "SSH_ASKPASS_REQUIRE": "never",
    "GIT_ALLOW_PROTOCOL": PROTOCOLS,
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_EXTERNAL_DIFF": "",
    "GIT_PROXY_COMMAND": "",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
    "LC_ALL": "C",
}
# What the configuration of a clone could say against us, said on the command line, where it is final.
_FINAL = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.alternateRefsCommand=false",
    "core.attributesFile=/dev/null",
    "credential.helper=",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "gpg.program=false",  # git is never asked to verify: `signatures` does it
    "gpg.openpgp.program=false",
    "gpg.ssh.program=false",
    "gpg.ssh.allowedSignersFile=/dev/null",
    "gpg.x509.program=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=30",
    "http.sslVerify=true",
    "maintenance.auto=false",
    "protocol.version=2",
    "submodule.recurse=false",
    "transfer.fsckObjects=true",
)
_SSH = (
    "ssh",
    "-oBatchMode=yes",
    "-oStrictHostKeyChecking=yes",
    "-oConnectTimeout=20",
    "-oClearAllForwardings=yes",
    "-oForwardAgent=no",
    "-oPermitLocalCommand=no",
)


@dataclass(frozen=True, slots=True)
class Remote:
    """Where the state repository is, which branch or tag of it, and how one gets in.

    Neither branch nor tag: the remote's own branch. `max_size` is in bytes. Paths are absolute, or empty.
    With a `bundle`, a file of git, the commits come from there; it is still the URL that they are trusted under.
    """

    url: str
    branch: str = ""
    tag: str = ""
    subdirectory: str = ""
    deploy_key: str = ""
    known_hosts: str = ""
    credentials_file: str = ""
    ca_file: str = ""
    timeout: timedelta = timedelta(minutes=1)
    max_size: int = 1 << 30
    bundle: str = ""

    @property
    def shown(self) -> str:
        """The URL without a user or password."""
        return without_credentials(self.url)

    @property
    def place(self) -> str:
        """What git is to read."""
        return self.bundle or self.url

    @property
    def ref(self) -> str:
        """The ref to ask for."""
        if self.tag:
            return f"refs/tags/{self.tag}"
        return f"refs/heads/{self.branch}" if self.branch else "HEAD"

    @property
    def key(self) -> str:
        """What trust in this source is recorded under."""
        return f"{self.shown}#{self.ref}"

    def check(self) -> None:
        """Raises SourceUnreadable where a name could be taken for anything but a name."""
        if not _URL.fullmatch(self.url) or "::" in self.url.partition("://")[0]:
            raise SourceUnreadable(f"{self.shown!r} is neither an https, ssh or file URL nor user@host:path")
        if "GIT_SSL_NO_VERIFY" in os.environ:
            raise SourceUnreadable("GIT_SSL_NO_VERIFY is set, so git would believe any server; unset it")
        for name in filter(None, (self.branch, self.tag)):
            if not _REF.fullmatch(name) or ".." in name:
                raise SourceUnreadable(f"{name!r} is no name of a branch or tag")

    def options(self) -> list[str]:
        """`-c NAME=VALUE` …: the whole configuration of a call."""
        final = list(_FINAL)
        if self.credentials_file:
            final.append(f"credential.helper=store --file={shlex.quote(self.credentials_file)}")
        return [part for setting in final for part in ("-c", setting)]

    def environment(self) -> Mapping[str, str]:
        """What git finds in its environment beside PATH and HOME."""
        ssh = list(_SSH)
        ssh += ["-oIdentitiesOnly=yes", "-i", self.deploy_key] if self.deploy_key else []
        if self.known_hosts:
            ssh += [f"-oUserKnownHostsFile={self.known_hosts}", f"-oGlobalKnownHostsFile={os.devnull}"]
        authority = {"GIT_SSL_CAINFO": self.ca_file} if self.ca_file else {}  # it wins over http.sslCAInfo
        return _NOTHING_OF_THE_HOST | authority | {"GIT_SSH_COMMAND": shlex.join(ssh)}


def without_credentials(text: str) -> str:
    """Any text with users and passwords taken out of its URLs."""
    return _CREDENTIALS.sub("", text)
