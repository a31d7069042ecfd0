"""A mail host as it lives: commits of every kind, people at main.cf, renewals, outages; and who keeps count of it."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import smtplib
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.host.instance import PrivateInstance

PROJECT = Path(__file__).parents[2]
MX = "mx1.example.org"
PATIENCE = 90.0  # s, for anything that has to happen
_GIT = {
    "GIT_AUTHOR_NAME": "ops", "GIT_AUTHOR_EMAIL": "ops@example.org", "GIT_COMMITTER_NAME": "ops",
    "GIT_COMMITTER_EMAIL": "ops@example.org", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
}  # fmt: skip
STATE = """\
enforce: all
certificates: {{default: {{chain_files: [tls/own.pem]}}}}
incoming: {{security_level: may, loglevel: {loglevel}, received_header: {header}}}
outgoing: {{security_level: may, loglevel: 1, policies: {{bank.example: encrypt, partner.example: "{partner}"}}}}
"""
# What people change by hand: file, what they find, what they leave, and the address that we call it.
EDITS = (
    ("main.cf", r"^smtpd_tls_loglevel = .*$", "smtpd_tls_loglevel = 4", "main.cf/smtpd_tls_loglevel", "4"),
    ("main.cf", r"^smtp_tls_loglevel = .*$", "smtp_tls_loglevel = 3", "main.cf/smtp_tls_loglevel", "3"),
    ("main.cf", r"^smtp_tls_security_level = .*$", "smtp_tls_security_level = none",
     "main.cf/smtp_tls_security_level", "none"),
    ("tls_policy", r"^bank\.example.*$", "bank.example\tmay", "table/tls_policy#bank.example", "may"),
)  # fmt: skip
_BY_HAND = frozenset(address for _, _, _, address, _ in EDITS)


@dataclass
class World:
    """Everything below one directory. `edited` is what was done by hand, as (address, value)."""

    directory: Path
    instance: PrivateInstance
    chance: random.Random
    edited: list[tuple[str, str]] = field(default_factory=list)
    did: dict[str, int] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=lambda: {"loglevel": 1, "header": "no", "partner": "may"})
    agent: subprocess.Popen[bytes] | None = None

    @property
    def store(self) -> Path:
        return self.directory / "store/store.db"

    # --- the repository

    @property
    def remote(self) -> Path:
        return self.directory / "remote"

    def found(self) -> None:
        """The repository with its first commit, the key that signs, the certificate, the settings."""
        (self.remote / "hosts").mkdir(parents=True)
        key = self.directory / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
        public = key.with_suffix(".pub").read_text().strip()
        (self.directory / "allowed_signers").write_text(f'ops@example.org namespaces="git" {public}\n')
        self.git("init", "-q", "-b", "main")
        self.renew()
        self.commit_good()
        (self.directory / "reconciler.toml").write_text(
            f'[source]\nurl = "file://{self.remote}"\nbranch = "main"\npoll_interval = "1s"\n'
            f'[trust]\nsignatures = "required"\nallowed_signers = "{self.directory}/allowed_signers"\n'
            f'anchor = "{self.git("rev-parse", "HEAD")}"\n'
            f'[instance]\nconfig_directory = "{self.instance.config_directory}"\nhost = "{MX}"\n'
            f'state_directory = "{self.directory}/memory"\ncache_directory = "{self.directory}/cache"\n'
            f'[agent]\ninterval = "1s"\nresync = "5s"\ntrigger_file = "{self.directory}/trigger"\n'
            f'freeze_file = "{self.directory}/freeze"\n[store]\nurl = "sqlite:///{self.store}"\n'
        )

    def git(self, *argv: str) -> str:
        environment = {**os.environ, **_GIT}
        done = subprocess.run(
            ["git", "-C", self.remote, *argv], env=environment, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, text: str, *, signed: bool = True) -> None:
        (self.remote / f"hosts/{MX}.yaml").write_text(text)
        signing = ["-c", "gpg.format=ssh", "-c", f"user.signingkey={self.directory}/key"] if signed else []
        self.git("add", ".")
        self.git(*signing, "commit", "-q", "--allow-empty", "-m", "change", *(["-S"] if signed else []))

    def commit_good(self) -> None:
        self.state = {
            "loglevel": self.chance.choice((1, 2)),
            "header": self.chance.choice(("yes", "no")),
            "partner": "may",  # a commit that weakens it would be stopped by a guard
        }
        self.commit(STATE.format(**self.state))

    def commit_bad(self) -> None:
        self.commit("enforce: all\nincoming: {security_level: encrpyt}\n")
        self.dwell()
        self.commit(STATE.format(**self.state))

    def commit_unsigned(self) -> None:
        good = self.git("rev-parse", "HEAD")
        self.commit(STATE.format(**{**self.state, "loglevel": 0}), signed=False)
        self.dwell()
        self.git("reset", "-q", "--hard", good)

    def rewind(self) -> None:
        self.commit_good()
        tip = self.git("rev-parse", "HEAD")
        self.wait_for(lambda: self.is_in_force(tip), "a commit is followed")
        self.git("reset", "-q", "--hard", f"{tip}~1")
        self.dwell()
        self.git("reset", "-q", "--hard", tip)

    # --- the host

    def edit(self) -> None:
        """Somebody at main.cf, who waits until it is noticed. Nobody edits while a commit is applied: `make faults`."""
        head = self.git("rev-parse", "HEAD")
        self.wait_for(lambda: self.is_in_force(head), "what git says is in force")
        name, old, new, address, value = self.chance.choice(EDITS)
        path = Path(self.instance.config_directory, name)
        text = path.read_text()
        if not re.search(old, text, re.MULTILINE):
            return
        self._change(name, re.sub(old, new, text, flags=re.MULTILINE), (address, value))
        self.commit_good()  # else the fourth of the same would be a fight

    def renew(self) -> None:
        target = Path(self.instance.config_directory, "tls/own.pem")
        target.parent.mkdir(exist_ok=True)
        staged = target.with_name("staged.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90",
             "-subj", f"/CN={MX}", "-addext", f"subjectAltName=DNS:{MX}", "-keyout", staged, "-out", f"{staged}.crt"],
            check=True, capture_output=True,
        )  # fmt: skip
        staged.write_bytes(staged.read_bytes() + Path(f"{staged}.crt").read_bytes())
        Path(f"{staged}.crt").unlink()
        staged.chmod(0o600)
        staged.replace(target)

    def _change(self, name: str, text: str, what: tuple[str, str]) -> None:
        """As an editor writes: beside it, and renamed over it. Returns once it is found, and healed."""
        found, healed = len(self.drifts(what[0])), len(self.healed(what[0]))
        staged = Path(self.instance.write(f".{name}.swp", text))
        staged.replace(staged.with_name(name))
        self.edited.append(what)
        self.wait_for(lambda: len(self.drifts(what[0])) > found, f"{what[0]} is found")
        self.wait_for(lambda: len(self.healed(what[0])) > healed, f"{what[0]} is healed")

    def remote_away(self) -> None:
        """And drift is corrected meanwhile."""
        head = self.git("rev-parse", "HEAD")
        self.wait_for(lambda: self.is_in_force(head), "what git says is in force")
        aside = self.remote.with_name("away")
        self.remote.rename(aside)
        self.dwell()
        name, old, new, address, value = EDITS[1]
        path = Path(self.instance.config_directory, name)
        self._change(name, re.sub(old, new, path.read_text(), flags=re.MULTILINE), (address, value))
        aside.rename(self.remote)
        self.commit_good()

    def store_away(self) -> None:
        """And drift is corrected meanwhile; it comes back as it was."""
        aside = self.directory / "store-aside"
        self.store.parent.rename(aside)
        self.store.parent.write_text("no directory")
        self.edit()
        self.store.parent.unlink()
        aside.rename(self.store.parent)

    def move_clock(self) -> None:
        """Ten years back or on, and right again: what is found and healed meanwhile is found and healed as ever."""
        staged = self.directory / "clock.new"
        for days in (self.chance.choice((-3650, 3650)), 0):
            staged.write_text(str(days))
            staged.replace(self.directory / "clock")
            self.edit()

    def reload(self) -> None:
        self.instance.postfix.reload()

    def restart_agent(self) -> None:
        self.stop_agent()
        self.start_agent()

    # --- the agent

    def start_agent(self) -> None:
        argv = [
            sys.executable,
            "-m",
            "tests.soak.agent",
            "agent",
            "--settings",
            str(self.directory / "reconciler.toml"),
        ]
        environment = {**os.environ, "SOAK_CLOCK": str(self.directory / "clock")}
        with (self.directory / "agent.log").open("ab") as log:
            self.agent = subprocess.Popen(argv, cwd=PROJECT, env=environment, stderr=log, stdout=log)

    def stop_agent(self) -> None:
        if self.agent is not None and self.agent.poll() is None:
            self.agent.send_signal(signal.SIGTERM)
            assert self.agent.wait(PATIENCE) == 0, self.told()

    def memory_mb(self) -> float:
        assert self.agent
        status = Path(f"/proc/{self.agent.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index] # a live process has it

    def events(self) -> list[dict[str, Any]]:
        found = []
        for name in ("events.jsonl.1", "events.jsonl"):
            path = self.directory / "memory/etc" / name
            lines = path.read_text().splitlines() if path.exists() else []
            found += [json.loads(line) for line in lines if '"event"' in line]
        return list({it["sequence"]: it for it in found}.values())

    def stored(self) -> list[tuple[int, str]]:
        """The events of the store, as (number, name)."""
        try:
            with closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)) as connection:
                return connection.execute("SELECT sequence, name FROM events ORDER BY sequence").fetchall()
        except sqlite3.OperationalError:  # it is away
            return []

    def plan(self) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "reconciler", "plan", "--detailed-exitcode"]
        argv += ["--settings", str(self.directory / "reconciler.toml")]
        return subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, check=False)

    def named(self, name: str) -> list[dict[str, Any]]:
        return [it for it in self.events() if it["event"] == name]

    def drifts(self, address: str = "") -> list[tuple[str, str]]:
        return [
            (it["address"], str(it["live"]))
            for it in self.events()
            if it["event"] == "drift.found" and it["address"] in _BY_HAND and it["address"].startswith(address)
        ]

    def healed(self, address: str) -> list[dict[str, Any]]:
        ended = self.named("drift.resolved")
        return [it for it in ended if it["address"] == address and it["resolution"] == "healed"]

    def is_in_force(self, revision: str) -> bool:
        return any(it["event"] == "apply.finished" and it.get("revision") == revision for it in self.events()) or (
            f'"revision": "{revision}"' in self._record()
        )

    def _record(self) -> str:
        path = self.directory / "memory/etc/last-applied.json"
        return path.read_text() if path.exists() else ""

    def dwell(self) -> None:
        """Long enough that the agent has asked the remote."""
        time.sleep(2.5)

    def wait_for(self, what: Callable[[], bool], told: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not what():
            assert time.monotonic() < deadline, f"it never came that {told}:\n{self.told()}"
            assert self.agent is None or self.agent.poll() is None, self.told()
            time.sleep(0.05)

    def told(self) -> str:
        path = self.directory / "agent.log"
        return "\n".join(path.read_text().splitlines()[-25:]) if path.exists() else ""

    def close(self) -> None:
        if self.agent is not None and self.agent.poll() is None:
            self.agent.send_signal(signal.SIGTERM)
            self.agent.wait(PATIENCE)
        shutil.rmtree(self.directory / "cache", ignore_errors=True)


@dataclass
class Correspondents:
    """Mail that comes all the while: every session is counted, and every one that fails is kept."""

    port: int
    sessions: int = 0
    failures: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self._stop.wait(0.2):
            self.sessions += 1
            try:
                with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as session:
                    session.sendmail("a@client.example", [f"inbox@{MX}"], "Subject: hello\r\n\r\nhello\r\n")
            except (OSError, smtplib.SMTPException) as error:
                self.failures.append(repr(error))

    def start(self) -> threading.Thread:
        thread = threading.Thread(target=self.run, daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        self._stop.set()
