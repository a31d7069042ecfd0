"""What the documents mean equals what Postfix 3.7.11 said of the same files.

`postconf -n` folds white space, and leaves out names that nothing uses; it lists config_directory always.
"""

from __future__ import annotations

from pathlib import Path

from reconciler.postfix import main_cf, master_cf, table

_POSTALIAS = "aliases"  # compiled by postalias(1), which has a grammar of its own


def _folded(text: bytes) -> bytes:
    return b" ".join(text.split())


def _said(output: bytes) -> dict[bytes, bytes]:
    pairs = (line.partition(b" =") for line in output.split(b"\n") if line)
    return {name: _folded(value) for name, _, value in pairs}


def test_every_file_renders_to_its_own_bytes(main_file: Path) -> None:
    source = main_file.read_bytes()
    assert main_cf.parse(source).render() == source


def test_every_master_renders_to_its_own_bytes(master_file: Path) -> None:
    source = master_file.read_bytes()
    assert master_cf.parse(source).render() == source


def test_every_table_renders_to_its_own_bytes(table_file: Path) -> None:
    source = table_file.read_bytes()
    for indexed in (True, False):
        assert table.parse(source, indexed=indexed).render() == source


def test_every_template_is_a_document_or_a_typed_refusal(template: Path) -> None:
    source = template.read_bytes()
    assert main_cf.parse(source).render() == source
    assert master_cf.parse(source).render() == source


def test_explicit_parameters_are_those_of_postconf(main_file: Path, oracle: Path) -> None:
    document = main_cf.parse(main_file.read_bytes())
    fatal = [bad for bad in document.malformed if bad.fatal]
    if (oracle / "main" / f"{main_file.stem}.rc").read_text().strip() != "0":
        said_why = (oracle / "main" / f"{main_file.stem}.err").read_text()
        assert fatal or "host not found" in said_why, "postconf refuses the file; the document must say what is wrong"
        return
    assert not fatal
    said = _said((oracle / "main" / f"{main_file.stem}.out").read_bytes())
    unused = (oracle / "main" / f"{main_file.stem}.err").read_bytes()
    ours = {name: _folded(value) for name, value in document.parameters.items()}
    ours = {
        name: value for name, value in ours.items() if name in said or b"unused parameter: " + name + b"=" not in unused
    }
    said = {name: value for name, value in said.items() if name != b"config_directory" or name in ours}
    ours.pop(b"config_directory", None)
    said.pop(b"config_directory", None)
    assert ours == said


def test_services_are_those_of_postconf(master_file: Path, oracle: Path) -> None:
    document = master_cf.parse(master_file.read_bytes())
    assert not document.malformed
    lines = (oracle / "master" / f"{master_file.stem}.M.out").read_text(errors="surrogateescape").splitlines()
    said = [tuple(line.split(None, 8)[:8]) for line in lines]
    assert [(it.name, it.type, *it.columns, it.command) for it in document.services] == said


def test_options_are_those_of_postconf(master_file: Path, oracle: Path) -> None:
    document = master_cf.parse(master_file.read_bytes())
    output = (oracle / "master" / f"{master_file.stem}.P.out").read_text(errors="surrogateescape")
    said = {name: " ".join(value.split()) for name, _, value in (line.partition(" =") for line in output.splitlines())}
    ours = {
        f"{service.name}/{service.type}/{name}": " ".join(value.split())
        for service in document.services
        for name, value in service.overrides.items()
    }
    assert ours == said


def test_rows_are_those_of_postmap(table_file: Path, oracle: Path) -> None:
    dump = oracle / "maps" / f"{table_file.name}.dump.out"
    if not dump.exists() or table_file.suffix == f".{_POSTALIAS}":
        return
    said = dict(line.split(b"\t", 1) for line in dump.read_bytes().splitlines())
    assert {key: row.value for key, row in table.parse(table_file.read_bytes()).rows.items()} == said
