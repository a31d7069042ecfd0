"""The frame of an HTML report: one file that loads nothing, runs nothing, and follows the reader's colour scheme."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.report.draft import escaped

# Every colour on its ground has a contrast of 4.5 or more (WCAG 2.2, 1.4.3), in both schemes.
_STYLE = """
:root { color-scheme: light dark;
  --ground: #ffffff; --raised: #f6f8fa; --text: #1f2328; --dim: #59636e; --line: #d1d9e0;
  --add: #0f6b2f; --change: #7a4d00; --remove: #b3141f; --link: #0757ba; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #0d1117; --raised: #151b23; --text: #e6edf3; --dim: #9198a1; --line: #3d444d;
  --add: #56d364; --change: #e3b341; --remove: #ff8f88; --link: #79b8ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, "DejaVu Sans", sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1, h2, h3, h4, p, li, dd, summary { overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
h4 { font-size: .9rem; margin: 1rem 0 .25rem; font-weight: 600; color: var(--dim); }
code, pre { font: .9em/1.5 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere;
  white-space: pre-wrap; margin: 0; }
section.host { border-left: .25rem solid var(--line); margin-top: 2.5rem; padding-left: 1rem; }
section.host > h2 { margin-top: 0; }
section.host.stop { color: inherit; border-color: var(--remove); }
section.host.warn { border-color: var(--change); } section.host.go { border-color: var(--add); }
.basis { color: var(--dim); margin: 0 0 .5rem; }
ul, ol { list-style: none; margin: 0; padding: .5rem .75rem; background: var(--raised);
  border: 1px solid var(--line); border-radius: .375rem; }
li { padding: .125rem 0; display: grid; grid-template-columns: 1.5rem minmax(0, 1fr); }
.add { color: var(--add); } .change { color: var(--change); } .note { font-size: .9em; }
.remove, .stop { color: var(--remove); } .forget, .note { color: var(--dim); }
.sign { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-weight: 700; }
.verdict { font-weight: 600; border: 1px solid var(--line); border-left-width: .25rem; padding: .5rem .75rem;
  background: var(--raised); position: sticky; top: 0; z-index: 1; margin: .75rem 0; }
.verdict.stop { border-left-color: var(--remove); } .verdict.warn { border-left-color: var(--change); }
.verdict.go { border-left-color: var(--add); }
footer { margin-top: 2rem; padding-top: .75rem; border-top: 1px solid var(--line); color: var(--dim); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
summary { cursor: pointer; padding: .5rem 0; } summary:focus-visible { outline: .125rem solid var(--link); }
@media (max-width: 40rem) { main { padding: 1rem .75rem 2rem; } section.host { padding-left: .625rem; }
  h1 { font-size: 1.25rem; } h2 { font-size: 1.05rem; } ul, ol { padding: .375rem .5rem; }
  li { grid-template-columns: 1.125rem minmax(0, 1fr); } }
@media print { .verdict { position: static; } details:not([open]) > * { display: block; } }
""".strip()
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(title: str, body: Iterable[str]) -> str:
    """A whole document; `title` is text, `body` is HTML, line by line."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{escaped(title)}</title>",
            "<style>",
            _STYLE,
            "</style>",
            "</head>",
            "<body>",
            "<main>",
            *body,
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )
