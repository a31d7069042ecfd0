"""Expansion as `postconf -x` gives it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from reconciler.postfix import expand, main_cf

MAIN = r"""
compatibility_level = 3.6
a = one
e =
p01 = $a ${a} $(a) $$a
p02 = ${a?yes} ${a:no} ${e?yes} ${e:no}
p03 = ${a?{x $a}:{y}} ${e?{x}:{y $a}}
p04 = ${{$a} == {one}?{eq}:{ne}} ${{3} < {12}?{num}:{str}}
p05 = ${{$compatibility_level} <level {3.10}?{old}:{new}} ${{$compatibility_level} >=level {3.6}?{a}:{b}}
p06 = ${{a} != {b}?{differ}} ${{a}==  {b}?{same}:{not}}
p07 = ${a?b$e}c ${ a } ${a?{ sp } : { q }}
p08 = ${a?plain text with spaces}
p09 = $p01/$p03
p10 = a$e-b $a_b $a-b
"""


@pytest.mark.postfix
def test_expansion_is_that_of_postconf(tmp_path: Path) -> None:
    (tmp_path / "main.cf").write_text(MAIN + "smtpd_banner = " + " ".join(f"$p{n:02}" for n in range(1, 11)) + "\n")
    (tmp_path / "master.cf").write_text("")
    for name in ("main.cf", "master.cf"):
        os.utime(tmp_path / name, (1_000_000_000, 1_000_000_000))
    document = main_cf.parse((tmp_path / "main.cf").read_bytes())
    ours = {name.decode(): value.decode() for name, value in document.parameters.items()}
    names = sorted(name for name in ours if name.startswith("p"))
    done = subprocess.run(["postconf", "-c", tmp_path, "-x", *names], capture_output=True, text=True, check=True)
    said = dict(line.split(" = ", 1) for line in done.stdout.splitlines())
    assert {name: " ".join(expand.expand(ours[name], ours.get).split()) for name in names} == {
        name: " ".join(value.split()) for name, value in said.items()
    }


@pytest.mark.parametrize("text", ["${foo", "$(foo", "$", "${}", "${a?{b}", "$loop", "${{a}~{b}?{c}}"])
def test_what_every_postfix_program_dies_of_is_refused(text: str) -> None:
    with pytest.raises(expand.ExpansionFailed):
        expand.expand(text, {"a": "1", "loop": "$loop"}.get)
