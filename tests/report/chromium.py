"""What a browser makes of a page: its picture, and what it measures."""

from __future__ import annotations

import html
import json
import re
import shutil
import struct
import subprocess
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = shutil.which("chromium")
_SCHEMES = {"dark": "0", "light": "1"}
_MEASURE = """<script>
const rgb = text => text.match(/[\\d.]+/g).map(Number);
const ground = node => { for (; node; node = node.parentElement) {
  const colour = rgb(getComputedStyle(node).backgroundColor); if (colour.length < 4 || colour[3] > 0) return colour; }
  return [255, 255, 255]; };
const texts = [...document.querySelectorAll("main *")].filter(node => [...node.childNodes].some(
  child => child.nodeType === 3 && child.data.trim()));
const seen = { width: innerWidth, scroll: document.documentElement.scrollWidth,
  texts: texts.map(node => [rgb(getComputedStyle(node).color), ground(node)]) };
document.body.insertAdjacentHTML("beforeend", `<pre id="seen">${JSON.stringify(seen)}</pre>`);
</script></body>"""

NARROWEST = 500  # CSS pixels of a window; a telephone's width is that of a frame inside one
_FRAME = """<!doctype html><iframe id="frame" width="{0}" height="900" style="border: 0" srcdoc="{1}"></iframe><script>
frame.onload = () => document.body.append(frame.contentDocument.getElementById("seen").cloneNode(true));
</script>"""


@dataclass(frozen=True)
class Picture:
    """Pixels as (red, green, blue), by how many there are of each."""

    width: int
    height: int
    colours: Counter[tuple[int, int, int]]
    ground: tuple[int, int, int]  # in the corner


def shoot(page: str, scheme: str, width: int, directory: Path) -> Picture:
    """The page as it stands, in this colour scheme and window width."""
    shot = directory / f"{scheme}-{width}.png"
    _run(page, scheme, directory, f"--window-size={width},700", f"--screenshot={shot}")
    return _decode(shot.read_bytes())


def measure(page: str, scheme: str, width: int, directory: Path) -> dict[str, Any]:
    """Widths in CSS pixels, and the colours of each text and of what it stands on; a script is added for that."""
    scripted = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page).replace("</body>", _MEASURE)
    scripted = scripted if width >= NARROWEST else _FRAME.format(width, html.escape(scripted))
    shown = _run(scripted, scheme, directory, f"--window-size={width},1200", "--dump-dom")
    found = shown.rpartition('<pre id="seen">')[2].partition("</pre>")[0]
    measured: dict[str, Any] = json.loads(html.unescape(found))
    return measured


def contrast(one: list[float], other: list[float]) -> float:
    """WCAG 2.2, contrast ratio: 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: list[float]) -> float:
    parts = [it / 255 / 12.92 if it / 255 <= 0.04045 else ((it / 255 + 0.055) / 1.055) ** 2.4 for it in colour[:3]]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def _run(page: str, scheme: str, directory: Path, *options: str) -> str:
    assert PROGRAM
    file = directory / "page.html"
    file.write_text(page)
    common = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1"]
    profile = [f"--user-data-dir={directory}/profile", f"--blink-settings=preferredColorScheme={_SCHEMES[scheme]}"]
    done = subprocess.run(
        [PROGRAM, *common, *profile, *options, file.as_uri()], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout


def _decode(data: bytes) -> Picture:
    """A PNG of 8 bits a channel, without interlace. Source: PNG (Third Edition), 9."""
    chunks, at = b"", 8
    width, height, depth, kind = struct.unpack(">IIBB", data[16:26])
    assert (depth, kind in (2, 6)) == (8, True)
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        chunks += data[at + 8 : at + 8 + size] if data[at + 4 : at + 8] == b"IDAT" else b""
        at += size + 12
    channels, ground = 3 if kind == 2 else 4, (0, 0, 0)
    raw, row, colours = zlib.decompress(chunks), bytearray(width * channels), Counter[tuple[int, int, int]]()
    for line in range(height):
        start = line * (width * channels + 1)
        row = _unfiltered(raw[start], bytearray(raw[start + 1 : start + 1 + width * channels]), row, channels)
        ground = ground if line else (row[0], row[1], row[2])
        colours.update(zip(row[0::channels], row[1::channels], row[2::channels], strict=True))
    return Picture(width, height, colours, ground)


def _unfiltered(kind: int, row: bytearray, above: bytearray, channels: int) -> bytearray:
    for index in range(len(row)):
        left = row[index - channels] if index >= channels else 0
        corner = above[index - channels] if index >= channels else 0
        match kind:
            case 1:
                guess = left
            case 2:
                guess = above[index]
            case 3:
                guess = (left + above[index]) // 2
            case 4:
                guess = min((left, above[index], corner), key=lambda it: abs(left + above[index] - corner - it))
            case _:
                guess = 0
        row[index] = (row[index] + guess) & 0xFF
    return row
