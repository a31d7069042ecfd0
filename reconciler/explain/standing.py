"""Where on the host something stands: file, line, text as written, and what it expands to."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.explain.explanation import Standing
from reconciler.live.config import LiveConfig, header
from reconciler.postfix.effective import View
from reconciler.postfix.expand import ExpansionFailed
from reconciler.postfix.main_cf import Entry
from reconciler.postfix.master_cf import Option, Service


def of_parameter(name: str, live: LiveConfig) -> tuple[Standing, ...]:
    """Every line of main.cf that sets `name`; the last is in force."""
    entries = [entry for entry in live.main.entries if entry.name == name.encode("utf-8", "surrogateescape")]
    last = entries[-1] if entries else None
    return tuple(_of_entry(entry, live, in_force=entry is last) for entry in entries)


def _of_entry(entry: Entry, live: LiveConfig, *, in_force: bool) -> Standing:
    text = text_of(entry.value)
    return Standing(live.path("main.cf"), entry.line, text, expanded(text, live.view), in_force)


def of_option(service: Service, name: str, live: LiveConfig) -> tuple[Standing, ...]:
    """Every `-o` of a service that sets `name`; the last is in force."""
    options = [option for option in service.options if option.name == name]
    last = options[-1] if options else None
    view = live.view_of(service)
    return tuple(
        Standing(
            live.path("master.cf"), line_of(service, option), option.value, expanded(option.value, view), option is last
        )
        for option in options
    )


def line_of(service: Service, option: Option) -> int:
    return service.line + service.raw.count(b"\n", 0, option.tokens[0].at[0])


def of_service(endpoint: str, kind: str, live: LiveConfig) -> Iterator[Standing]:
    """Every entry of master.cf for one endpoint and type, however it is spelled; the last is in force."""
    in_force = live.master.by_key.get((endpoint, kind))
    for service in live.master.services:
        if service.key == (endpoint, kind):
            text = header(service)
            yield Standing(live.path("master.cf"), service.line, text, text, service is in_force)


def expanded(text: str, view: View) -> str:
    """What Postfix makes of a text; where it would stop, the reason."""
    try:
        return view.expand(text)
    except ExpansionFailed as failed:
        return f"(cannot be expanded: {failed})"


def text_of(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
