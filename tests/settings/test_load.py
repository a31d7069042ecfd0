from __future__ import annotations

import os
from datetime import time, timedelta
from pathlib import Path

import pytest

from reconciler.errors import SettingsInvalid
from reconciler.settings.fields import Heal, HealWhen, Threshold
from reconciler.settings.load import load
from reconciler.settings.origin import Default, InEnvironment, InFile
from reconciler.settings.trust import Signatures

GOOD = """\
[source]
url = "https://git.example.org/mail/state.git"

[trust]
signatures = "required"
allowed_signers = "/etc/reconciler/allowed_signers"
second_signer = ["waivers", "fleet.yaml"]

[agent]
heal = "after 1h30m"

[[agent.windows]]
days = ["sat"]
begin = "22:00"
end = "04:00"

[alerts]
n_of_m = "2 of 3"
routes = [{ severities = ["critical"], urls = ["mailto://ops:s3cret@example.org"] }]
"""


@pytest.fixture(autouse=True)
def nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("RECONCILER_")]:
        monkeypatch.delenv(name)


def refused(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "r.toml"
    file.write_text(text)
    with pytest.raises(SettingsInvalid) as error:
        load(str(file))
    return [line.removeprefix(f"{tmp_path}/") for line in str(error.value).split("\n")]


def test_a_file_is_read_into_types(tmp_path: Path) -> None:
    file = tmp_path / "r.toml"
    file.write_text(GOOD)
    settings = load(str(file)).settings
    assert settings.trust.signatures is Signatures.REQUIRED
    assert settings.agent.heal == Heal(HealWhen.AFTER, timedelta(minutes=90))
    assert (settings.agent.windows[0].begin, settings.agent.windows[0].end) == (time(22), time(4))
    assert settings.alerts.n_of_m == Threshold(2, 3)
    assert settings.agent.resync == timedelta(minutes=15)


def test_the_environment_wins_over_the_file_and_both_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "r.toml"
    file.write_text(GOOD)
    monkeypatch.setenv("RECONCILER_AGENT__HEAL", "never")
    monkeypatch.setenv("RECONCILER_TRUST__SECOND_SIGNER", '["waivers"]')
    monkeypatch.setenv("RECONCILER_WEBHOOK__MAX_SIZE", "4096")
    loaded = load(str(file))
    assert loaded.settings.agent.heal == Heal(HealWhen.NEVER)
    assert loaded.settings.agent.windows
    assert len(loaded.settings.trust.second_signer) == 1
    assert loaded.settings.webhook.max_size == 4096
    assert loaded.origins["agent", "heal"] == InEnvironment("RECONCILER_AGENT__HEAL")
    source = loaded.origins["source", "url"]
    assert isinstance(source, InFile)
    assert source.position.line == 2
    assert loaded.origins["agent", "resync"] == Default()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[agent]\nintervall = '5m'", "r.toml:2:1: agent.intervall: 'intervall' is no key; did you mean 'interval'?"),
        ("[agnet]\n", "r.toml:1:1: agnet: 'agnet' is no section; did you mean 'agent'?"),
        (
            "[agent]\nresync = '15 min'",
            (
                "r.toml:2:1: agent.resync: '15 min' is no duration; "
                "write a number with its unit (ms, s, m, h, d, w), such as 15m"
            ),
        ),
        ("[agent]\nresync = 15", 'r.toml:2:1: agent.resync: a text belongs here; write it in quotes: "15m"'),
        ("[agent]\nresync = ", "r.toml:2:10: this is no TOML: Invalid value; correct the line"),
        (
            "[trust]\nsignatures = 'maybe'",
            (
                "r.toml:2:1: trust.signatures: not one of the known words; "
                "write 'required', 'merge_commits', 'tag' or 'off'"
            ),
        ),
        (
            "[trust]\nsignatures = 'required'",
            "r.toml:1:1: trust: signatures are asked for, and nobody may sign; name allowed_signers or gpg_keyring",
        ),
        (
            "[metrics]\nlisten = '9187'",
            (
                "r.toml:2:1: metrics.listen: '9187' is no address to listen on; "
                "write ADDRESS:PORT, such as 127.0.0.1:9187 or [::1]:9187"
            ),
        ),
        (
            "[source]\nurl = 'ext::sh -c true'",
            (
                "r.toml:2:1: source.url: this is no address of a state repository; "
                "write an https, ssh or file URL, or an absolute path"
            ),
        ),
        (
            "agent.windows = [\n  {begin = '22:00'},\n]",
            "r.toml:2:3: agent.windows.0.end: this key is needed here; write it",
        ),
        (
            "[agent]\ntime_zone = '../../etc/passwd'",
            (
                "r.toml:2:1: agent.time_zone: '../../etc/passwd' is no time zone; "
                "write one of the tz database, such as Europe/Berlin"
            ),
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_what_to_write_instead(tmp_path: Path, text: str, said: str) -> None:
    assert refused(tmp_path, text) == [said]


def test_all_problems_are_told_at_once_sorted_by_place(tmp_path: Path) -> None:
    found = refused(tmp_path, "[store]\nretention = 1\n[agent]\nheal = 'soon'\nx = 1\n")
    assert [line.partition(" ")[0] for line in found] == ["r.toml:2:1:", "r.toml:4:1:", "r.toml:5:1:"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("RECONCILER_AGENT__HAEL", "never", "'HAEL' is no key of [agent]; did you mean 'heal'?"),
        ("RECONCILER_AGNET__HEAL", "never", "'AGNET' is no section; did you mean 'agent'?"),
        ("RECONCILER_AGENT", "{}", "a whole section in one variable; set RECONCILER_AGENT__KEY"),
        ("RECONCILER_AGENT__WINDOWS", "x", 'a list belongs here; write it as JSON: ["one", "two"]'),
        (
            "RECONCILER_AGENT__HEAL",
            "soon",
            "agent.heal: 'soon' does not say when to heal; write immediately, never, or after and a delay: after 15m",
        ),
    ],
)
def test_a_variable_that_says_nothing_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    file = tmp_path / "r.toml"
    file.touch()
    with pytest.raises(SettingsInvalid) as error:
        load(str(file))
    assert str(error.value).lower() == f"environment {name}:1:1: {said}".lower()


def test_a_file_that_was_named_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="there is no such file; name the settings file with --settings"):
        load(str(tmp_path / "none.toml"))


def test_a_secret_is_in_no_error(tmp_path: Path) -> None:
    found = refused(
        tmp_path,
        "[source]\nurl = 'https://u:s3cret@example.org/x'\n[alerts]\nroutes = [{urls = 's3cret', x = 's3cret'}]\n"
        "[store]\nurl = ['s3cret']\n",
    )
    assert "s3cret" not in "\n".join(found)
