"""Import, then plan with everything enforced: "No changes", for every configuration that Postfix accepts."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler import live
from reconciler.errors import HostUnreadable

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
MAINS = sorted((CORPUS / "main").glob("*.cf"))
MASTERS = sorted((CORPUS / "master").glob("*.cf"))
# each main.cf with a stock master.cf and with one of the corpus, each master.cf with a main.cf that declares much
PAIRS: list[tuple[Path, Path | None]] = [
    *((main, None) for main in MAINS),
    *((main, MASTERS[index % len(MASTERS)]) for index, main in enumerate(MAINS) if MASTERS),
    *((MAINS[-1], master) for master in MASTERS if MAINS),
]
NONE = pytest.param(None, None, marks=pytest.mark.skip(reason=f"no corpus at {CORPUS}"))


def _name(path: Path | None) -> str:
    return path.name if path else "stock"


@pytest.mark.parametrize(("main", "master"), PAIRS or [NONE], ids=_name)
def test_an_imported_host_has_nothing_to_change(main: Path, master: Path | None, raw_host) -> None:
    host = raw_host(main=main.read_bytes())
    host = raw_host(main.read_bytes(), master.read_bytes()) if master else host
    try:
        config = host.config()
    except HostUnreadable:
        said = (CORPUS / "oracle/main" / f"{main.stem}.rc").read_text().strip()
        assert said != "0", "Postfix takes this file"
        return
    imported = host.imported()
    made = host.plan(imported.files)
    assert (made.changes, made.observed, made.guards) == ((), (), ())
    assert made.matching > 0 or not _said(config), "there is something to declare"


def _said(config: live.LiveConfig) -> bool:
    return "smtpd_tls_loglevel" in config.explicit
