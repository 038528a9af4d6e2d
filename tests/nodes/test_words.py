"""Help pages and translations: one for every node, in every language, in a form that ComfyUI's frontend can show."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from isengard import settings

LANGUAGES = ("en", "de", "zh")


def node_ids() -> set[str]:
    """The ids that the nodes' schemas give."""
    sources = (settings.PACK / "nodes").glob("*.py")
    return {found for file in sources for found in re.findall(r'node_id="(\w+)"', file.read_text(encoding="utf-8"))}


def locale(language: str) -> dict[str, Any]:
    file = settings.PACK / "locales" / language / "nodeDefs.json"
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def texts(values: Any) -> Iterator[str]:
    if isinstance(values, dict):
        for value in values.values():
            yield from texts(value)
    else:
        yield values


def shape(values: Any) -> Any:
    return {name: shape(value) for name, value in values.items()} if isinstance(values, dict) else "text"


def help_pages(language: str) -> dict[str, str]:
    """By node; where ComfyUI's frontend asks for them."""
    folder = settings.PACK / "nodes" / "help"
    if language == "en":
        return {file.stem: file.read_text(encoding="utf-8") for file in folder.glob("*.md")}
    return {file.parent.name: file.read_text(encoding="utf-8") for file in folder.glob(f"*/{language}.md")}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_node_has_a_help_page(language: str) -> None:
    """One for each id and no other, titled as the node is called in that language."""
    pages = help_pages(language)
    assert set(pages) == node_ids()
    for name, text in pages.items():
        assert text.startswith(f"# {locale(language)[name]['display_name']}\n"), name
        assert len(text) > (80 if language == "zh" else 200)


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_a_help_page_says_as_much_in_every_language(language: str) -> None:
    """As many points as in English or more, the same code and values, and the names that are on the node."""
    for name, text in help_pages(language).items():
        english = help_pages("en")[name]
        assert text.count("\n- ") >= english.count("\n- "), name
        assert set(re.findall(r"`[^`]+`", text)) >= set(re.findall(r"`[^`]+`", english)), name
        named = {told["name"] for part in ("inputs", "outputs") for told in locale(language)[name][part].values()}
        for bold in re.findall(r"^- \*\*(.+?)\*\*", text, re.MULTILINE):
            assert bold in named or bold in _ACTIONS, (name, bold)


_ACTIONS = {"Anhalten", "Pause", "停止"}
"""What a person does, at the beginning of a point; everything else there is an input."""


def test_there_is_no_help_in_a_language_without_texts() -> None:
    """And no stray file beside the pages."""
    folder = settings.PACK / "nodes" / "help"
    assert {file.stem for file in folder.glob("*/*")} == set(LANGUAGES) - {"en"}
    assert {file.parent.name for file in (settings.PACK / "locales").glob("*/nodeDefs.json")} == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_text(language: str) -> None:
    """The same nodes, inputs and outputs as in English; nothing empty; no sign that the frontend's messages read as
    code."""
    found = locale(language)
    assert set(found) == node_ids()
    assert shape(found) == shape(locale("en"))
    for text in texts(found):
        assert text.strip()
        assert not re.search(r"[{}@|]", text), text


def test_languages_differ() -> None:
    """A translation is one."""
    english = list(texts(locale("en")))
    for language in ("de", "zh"):
        same = [text for text, other in zip(english, texts(locale(language)), strict=True) if text == other]
        assert len(same) < len(english) / 5, (language, same)


def test_workflows_are_in_comfyuis_own_format() -> None:
    """Each has its picture; links lead from and to nodes that are there, and our nodes are ones that exist."""
    files = sorted((settings.PACK / "workflows").glob("*.json"))
    assert "try-out-on-the-embedded-model.json" in [file.name for file in files]
    pictures = sorted((settings.PACK / "workflows").glob("*.jpg"))
    assert [file.stem for file in pictures] == [file.stem for file in files]
    for file in files:
        workflow = json.loads(file.read_text(encoding="utf-8"))
        nodes = {node["id"]: node for node in workflow["nodes"]}
        for number, source, output, target, slot, kind in workflow["links"]:
            assert number in nodes[source]["outputs"][output]["links"]
            assert nodes[target]["inputs"][slot]["link"] == number
            assert nodes[source]["outputs"][output]["type"] == kind
            assert kind in nodes[target]["inputs"][slot]["type"].split(",")
        for node in nodes.values():
            named = {value for value in node["widgets_values"] if str(value).endswith(".safetensors")}
            offered = {model["name"]: model for model in node["properties"].get("models", [])}
            assert set(offered) == named, f"{file.name}: {node['type']} names files that nobody offers"
            for name, model in offered.items():
                assert re.fullmatch(rf"https://huggingface\.co/.+/resolve/main/(.+/)?{re.escape(name)}", model["url"])
        ours = {node["type"] for node in nodes.values() if node["type"].startswith("Isengard")}
        assert ours <= node_ids()
