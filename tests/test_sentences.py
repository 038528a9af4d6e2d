"""What the server says to people has a code, and the panel says it in every language; the exceptions have a reason."""

from __future__ import annotations

import ast
import copy
import json
import pickle
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from isengard.errors import KINDS, IsengardError, error_from
from isengard.library import basemodels
from isengard.library.report.faces import where_to_get
from isengard.library.report.finding import CODES
from isengard.sentences import Said, as_said, from_json, several, to_json
from isengard.tests.architecture.sources import ROOT, read_pack

LOCALES = ROOT / "web" / "panel" / "src" / "i18n"
LANGUAGES = ("de", "zh", "ar")
NOT_IN_THE_PANEL = {
    "USAGE": "of the command line's arguments",
    "PROCESSES_DO_NOT_DIVIDE": "several processes are asked for on the command line only",
    "JOB_EXISTS": "a folder that was chosen on the command line; the library names its jobs itself",
    "TARGET_EXISTS": "a place that was chosen on the command line; a browser chooses its own",
    "PORT_IN_USE": "said by `serve` before there is a server",
    "ADDRESS_UNUSABLE": "said by `serve` before there is a server",
    "TOKEN_NEEDED": "said by `serve` before there is a server",
    "SERVER_RUNNING": "said by `serve` before there is a server",
    "GRAPH_INCOMPLETE": "of nodes on a graph; ComfyUI shows it there",
    "CAPTION_PATTERN_INVALID": "the panel finds and replaces plain text, no expressions",
    "CAPTION_PATTERN_SLOW": "the panel finds and replaces plain text, no expressions",
    "REQUEST_UNREADABLE": "the panel's requests are JSON",
    "CONTENT_TYPE_WRONG": "the panel names the right type",
    "METHOD_WRONG": "the panel uses the methods that there are",
}
"""Errors that nobody meets in the panel, each with the reason; were one shown nevertheless, it would be in English."""
_NAME = re.compile(r"\{(\w+)\}")


def _sentences(text: str) -> Iterator[tuple[str, frozenset[str]]]:
    """The code of every `Said` that a source makes, with the names of its values."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Said":
            code = node.args[0]
            assert isinstance(code, ast.Constant), f"the code is not written out: {ast.unparse(node)}"
            yield str(code.value), frozenset(str(keyword.arg) for keyword in node.keywords)


def _said() -> dict[str, frozenset[str]]:
    """Every code of the pack, with the names that all sentences of that code have."""
    found: dict[str, list[frozenset[str]]] = defaultdict(list)
    for path, text in read_pack(ROOT).items():
        for code, values in _sentences(text) if path != "sentences.py" else ():
            found[code].append(values)
    return {code: frozenset.intersection(*values) for code, values in found.items()} | {"several": frozenset({"parts"})}


@pytest.fixture(params=LANGUAGES)
def texts(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A language's words for what the server says."""
    found: dict[str, Any] = json.loads((LOCALES / f"server.{request.param}.json").read_text(encoding="utf-8"))
    return found


def test_the_panel_says_every_sentence_and_no_other(texts: dict[str, Any]) -> None:
    """A code that nobody makes any more leaves the files, too."""
    assert sorted(texts["said"]) == sorted(_said())


def test_what_a_sentence_fills_in_is_sent(texts: dict[str, Any]) -> None:
    """Every name in curly brackets is a value that all sentences of this code have."""
    values = _said()
    for code, message in texts["said"].items():
        for form in [message] if isinstance(message, str) else message.values():
            assert set(_NAME.findall(form)) <= values[code], (code, form)
        if not isinstance(message, str):
            assert "n" in values[code], f"{code} has plural forms and no n"


def test_the_panel_says_every_error_that_can_be_met_there(texts: dict[str, Any]) -> None:
    """Errors and explained exceptions together are all there are."""
    assert sorted([*texts["errors"], *NOT_IN_THE_PANEL]) == sorted(KINDS)


def test_the_panel_says_every_finding(texts: dict[str, Any]) -> None:
    """On photos by their codes, one of them also as a mere note; on captions by those that the linter makes."""
    assert sorted(texts["findings"]) == sorted([*CODES, "no_face.info"])
    linter = ast.parse((ROOT / "library" / "captions" / "linter.py").read_text(encoding="utf-8"))
    made = [node for node in ast.walk(linter) if isinstance(node, ast.Call) and ast.unparse(node.func) == "Finding"]
    assert sorted(texts["captions"]) == sorted({ast.literal_eval(node.args[0]) for node in made})


def test_the_panel_names_every_part_and_measurer(texts: dict[str, Any]) -> None:
    """What Setup lists by ids of ours."""
    parts = {f"part.{wanted.part}" for family in basemodels.PARTS.values() for wanted in family}
    measurers = {f"measurer.{model.file}" for model in where_to_get()}
    assert set(texts["names"]) == {*parts, *measurers, "put.measurer"}


def test_a_sentence_is_a_text_and_more() -> None:
    """It prints as English; copies, pickles and files keep its code."""
    inner = Said("b.c", "two photos", n=2)
    sentence = Said("a.b", f"There are {inner}.", what=inner, names=["x", inner])
    assert sentence == "There are two photos."
    assert f"{sentence}!" == "There are two photos.!"
    told = {"code": "b.c", "message": "two photos", "values": {"n": 2}}
    whole = {"code": "a.b", "message": "There are two photos.", "values": {"what": told, "names": ["x", told]}}
    assert sentence.as_dict() == whole
    for same in (copy.deepcopy(sentence), pickle.loads(pickle.dumps(sentence)), from_json(to_json(sentence))):
        assert as_said(same) == whole
    assert json.loads(json.dumps({"reason": sentence})) == {"reason": "There are two photos."}
    assert as_said("plain") == {"code": "", "message": "plain", "values": {}}
    assert from_json(to_json("plain")) == "plain"
    with pytest.raises(TypeError):
        from_json(["no sentence"])  # type: ignore[arg-type]


def test_several_sentences_are_one() -> None:
    """Joined in English; apart for those who say them in another language."""
    one, two = Said("a", "One."), "Two."
    assert several([one]) is one
    both = several([one, two])
    assert both == "One. Two."
    assert as_said(both)["values"]["parts"] == [one.as_dict(), "Two."]


def test_an_error_goes_through_files_and_pipes() -> None:
    """With its sentences and details, as processes tell each other and state.json keeps it."""
    error = IsengardError("DISK_FULL", Said("disk.full", "Full; x.", file="x"), hint="Make room.", needed=3)
    body = json.loads(json.dumps(error.as_dict()))
    assert body["said"] == {"message": {"code": "disk.full", "message": "Full; x.", "values": {"file": "x"}}}
    again = error_from(body)
    assert again.as_dict() == error.as_dict()
    assert isinstance(again.message, Said)
    assert again.details == {"needed": 3}
    assert "said" not in IsengardError("DISK_FULL", "Full.").as_dict()
    assert error_from({"code": "DISK_FULL", "message": "Full."}).hint == KINDS["DISK_FULL"].hint


def test_the_reader_sees_what_it_looks_for() -> None:
    """Codes with their values, wherever a sentence is made; one that is put together is refused."""
    assert list(_sentences('x = Said("a.b", f"{n} things", n=n)\nf(Said("c", text))')) == [
        ("a.b", frozenset({"n"})),
        ("c", frozenset()),
    ]
    with pytest.raises(AssertionError, match="not written out"):
        list(_sentences('Said(f"a.{b}", "text")'))
