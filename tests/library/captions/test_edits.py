"""Edits of many captions change what they are about, and nothing else."""

from __future__ import annotations

import itertools
import json
import time
import unicodedata

import pytest

from isengard.errors import IsengardError
from isengard.library.captions.edits import (
    OPERATIONS,
    AddClassWord,
    AddTag,
    Append,
    KeepFirstTrigger,
    Operation,
    PlaceTrigger,
    Prepend,
    RemoveTag,
    Replace,
    ReplaceRegex,
    SetText,
    TidyUp,
    apply,
    operation_from_dict,
)
from isengard.library.captions.text import tags

SENTENCES = "ohwx stands in a park, smiling. Her coat, which is red, hangs open."
UNTOUCHED = [
    "",
    "ohwx",
    "ohwx, smiling, red coat",
    SENTENCES,
    "1,000 people, ohwx in front",
    "ohwx, 一个女人，微笑、公园",
    "أوهوكس، امرأة تبتسم، حديقة",
    "ohwx, 👩‍🦰 smiling 🏳️‍🌈, 👍🏽",
    "ohwx:1.2, (soft light), “quoted, text”",
]

EDITS = {
    "set": (SetText("a new one"), "ohwx, old", "a new one"),
    "prepend": (Prepend("photo"), "ohwx, smiling", "photo, ohwx, smiling"),
    "prepend to nothing": (Prepend("photo"), "", "photo"),
    "prepend with a separator": (Prepend("photo of", " "), "ohwx", "photo of ohwx"),
    "append": (Append("in a park"), "ohwx, smiling", "ohwx, smiling, in a park"),
    "append to nothing": (Append("in a park"), "", "in a park"),
    "append behind a sentence": (Append("Soft light."), "She smiles.", "She smiles. Soft light."),
    "append behind a comma": (Append("park"), "ohwx, smiling,", "ohwx, smiling, park"),
    "replace": (Replace("coat", "jacket"), "red coat, COAT, coats", "red jacket, jacket, jackets"),
    "replace a whole word": (
        Replace("coat", "jacket", whole_word=True),
        "coat, coats, a coat",
        "jacket, coats, a jacket",
    ),
    "replace in this case": (Replace("Rose", "ohwx", case_sensitive=True), "Rose, a rose", "ohwx, a rose"),
    "replace signs of expressions": (Replace("(soft)", "\\1"), "a (soft) light", "a \\1 light"),
    "replace a tag by nothing": (Replace("smiling"), "ohwx, smiling, park", "ohwx, park"),
    "replace the first tag by nothing": (Replace("ohwx"), "ohwx, smiling", "smiling"),
    "replace the last tag by nothing": (Replace("park"), "ohwx, smiling, park", "ohwx, smiling"),
    "replace a word by nothing": (Replace("very"), "a very tall man", "a tall man"),
    "replace the end of a sentence": (Replace("smiling"), "A man, smiling.", "A man."),
    "replace a last sentence": (Replace("Red."), "He smiles. Red.", "He smiles."),
    "no half of an accent": (Replace("x", "y"), "x x\u0301", "y x\u0301"),
    "no half of an emoji": (Replace("👩", "🧔"), "👩, 👩‍🦰, 👩🏽", "🧔, 👩‍🦰, 👩🏽"),
    "find in another form": (Replace(unicodedata.normalize("NFD", "café"), "bar"), "a café", "a bar"),
    "regex": (ReplaceRegex(r"(\w+) coat", r"coat in \1"), "red coat, blue coat", "coat in red, coat in blue"),
    "regex with a name": (ReplaceRegex(r"(?P<c>red|blue) coat", r"\g<c>"), "red coat", "red"),
    "regex in any case": (ReplaceRegex("^OHWX", "zqx", case_sensitive=False), "ohwx, ohwx", "zqx, ohwx"),
    "regex by nothing": (ReplaceRegex("s[a-z]+ing"), "ohwx, smiling, sitting, park", "ohwx, park"),
    "regex over scripts": (ReplaceRegex(r"\p{Han}+", "x"), "ohwx, 一个女人，公园", "ohwx, x，x"),
    "regex that makes lines": (ReplaceRegex(", ", "\\n"), "a, b", "a b"),
    "add a tag": (AddTag("smiling"), "ohwx, park", "ohwx, park, smiling"),
    "add a tag that is there": (AddTag("smiling"), "ohwx, Smiling , park", None),
    "add a tag behind the trigger": (AddTag("smiling", at_start=True), "ohwx woman, park", "ohwx woman, smiling, park"),
    "add a tag in front": (AddTag("smiling", at_start=True), "a park", "smiling, a park"),
    "remove a tag": (RemoveTag("Smiling"), "ohwx, smiling, park", "ohwx, park"),
    "remove the first tag": (RemoveTag("ohwx"), "ohwx, smiling", "smiling"),
    "remove the last tag": (RemoveTag("park"), "ohwx, smiling, park", "ohwx, smiling"),
    "remove the only tag": (RemoveTag("park"), "park", ""),
    "remove a tag that stands twice": (RemoveTag("park"), "park, ohwx, park", "ohwx"),
    "remove before a full stop": (RemoveTag("red hat"), "A man, smiling, red hat.", "A man, smiling."),
    "remove a tag and keep the rest to the letter": (RemoveTag("b"), "a ,b,c,  1,000", "a ,c, 1,000"),
    "remove a tag with other commas": (RemoveTag("微笑"), "女人，微笑、公园", "女人、公园"),
    "no tag inside a tag": (RemoveTag("hat"), "ohwx, red hat", None),
    "no tag inside a sentence": (RemoveTag("smiling"), "She is smiling in a park.", None),
    "place the trigger": (PlaceTrigger(), "smiling", "ohwx, smiling"),
    "place the trigger alone": (PlaceTrigger(), "", "ohwx woman"),
    "place what is there": (PlaceTrigger(), "a photo of ohwx", None),
    "trigger twice": (KeepFirstTrigger(), "ohwx woman, smiling, ohwx, ohwx woman", "ohwx woman, smiling"),
    "trigger in a sentence": (KeepFirstTrigger(), "ohwx, ohwx stands here, OHWX", "ohwx, ohwx stands here"),
    "class word": (AddClassWord(), "ohwx, smiling", "ohwx woman, smiling"),
    "class word is there": (AddClassWord(), "a Woman, ohwx", None),
    "class word without a trigger": (AddClassWord(), "smiling", None),
    "tidy spaces and commas": (TidyUp(), " ohwx ,smiling,, park , ", "ohwx, smiling, park"),
    "tidy tags that stand twice": (TidyUp(), "ohwx, park, Park, a park", "ohwx, park, a park"),
    "tidy leaves sentences": (TidyUp(), "He smiles, waves, smiles, waves. He is tall.", None),
    "tidy leaves numbers": (TidyUp(), "1,000 people, f/1,8", None),
    "tidy makes one form": (TidyUp(), unicodedata.normalize("NFD", "café"), "café"),
}


@pytest.mark.parametrize("case", EDITS)
def test_an_edit(case: str) -> None:
    """An operation gives this caption for that one, or leaves it."""
    operation, before, after = EDITS[case]
    changes = apply(operation, {"a.jpg": before}, trigger="ohwx", class_word="woman")
    assert {name: change.after for name, change in changes.items()} == ({} if after is None else {"a.jpg": after})
    assert all(change.before == before for change in changes.values())


@pytest.mark.parametrize("caption", UNTOUCHED)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_what_an_edit_is_not_about_stays(caption: str, form: str) -> None:
    """No operation that finds nothing changes a caption, in any script and any Unicode form."""
    known = {"a.jpg": unicodedata.normalize(form, caption)}
    for operation in (Replace("zebra"), ReplaceRegex("zebra"), RemoveTag("zebra"), Replace("zebra", "x", True, True)):
        assert apply(operation, known, trigger="ohwx") == {}


@pytest.mark.parametrize("caption", [text for text in UNTOUCHED if text])
def test_added_text_leaves_the_rest_to_the_letter(caption: str) -> None:
    """In front, behind, as a tag: the caption is still in it, and taking the addition away gives it back."""
    for operation in (Prepend("zebra"), Append("zebra"), AddTag("zebra")):
        after = apply(operation, {"a": caption})["a"].after
        assert caption in after
        if not caption.endswith("."):
            assert apply(RemoveTag("zebra"), {"a": after})["a"].after == caption


def test_only_what_changes_is_listed() -> None:
    """A preview shows the captions that would be written, each with what it was."""
    changes = apply(Replace("red", "blue"), {"a": "red", "b": "green", "c": "a red hat"})
    assert {name: (change.before, change.after) for name, change in changes.items()} == {
        "a": ("red", "blue"),
        "c": ("a red hat", "a blue hat"),
    }


def test_tags_are_the_parts_between_commas() -> None:
    """Commas of several scripts part; those inside numbers don't; a sentence without commas is one part."""
    assert tags("ohwx, red hat ,, 1,000 lamps") == ["ohwx", "red hat", "1,000 lamps"]
    assert tags("女人，微笑、公园") == ["女人", "微笑", "公园"]
    assert tags("She stands. He sits.") == ["She stands. He sits."]
    assert tags(" , ") == []


@pytest.mark.parametrize("dirt", ["a\x00b", "a\nb", "a\u2028b", "a\ud800b", "\ufeffab", "a\x7fb", "a\x85b"])
def test_results_are_one_line_of_text(dirt: str) -> None:
    """Whatever is put in: no line break, no control character, nothing that UTF-8 can't hold."""
    after = apply(SetText(dirt), {"a": "old"})["a"].after
    assert after.replace(" ", "") == "ab"
    assert after.encode("utf-8").decode("utf-8").isprintable()


def test_a_result_that_is_too_long_is_refused_by_name() -> None:
    """The photo is named, and nothing is returned that could be written by mistake."""
    with pytest.raises(IsengardError) as caught:
        apply(Append("x" * 1500), {"short.jpg": "a", "long.jpg": "y" * 1500})
    assert (caught.value.code, caught.value.details["photos"]) == ("CAPTION_TOO_LONG", ["long.jpg"])
    assert "long.jpg" in caught.value.message


def test_a_caption_that_is_too_long_already_can_be_shortened() -> None:
    """The limit is on results; what was too long and isn't touched is no obstacle either."""
    changes = apply(RemoveTag("x"), {"a": "y" * 1990 + ", x, x, x, x", "b": "z" * 3000})
    assert list(changes) == ["a"]


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(a|aa)+$", r"^(?:(?:a|a)*)*$", r"(a(?1)?)+b"])
def test_a_pattern_that_never_ends_is_stopped(pattern: str) -> None:
    """Catastrophic expressions end in an error that names the photo, soon after their time."""
    captions = {f"{number}.jpg": "a" * 1900 + "!" for number in range(50)}
    start = time.process_time()
    with pytest.raises(IsengardError) as caught:
        apply(ReplaceRegex(pattern, "x"), captions, seconds=0.3)
    assert caught.value.code == "CAPTION_PATTERN_SLOW"
    assert "0.jpg" in caught.value.message
    assert time.process_time() - start < 5


def test_the_time_is_for_all_captions_together() -> None:
    """Many captions that each take a while don't add up to minutes."""
    captions = {f"{number}.jpg": "a" * 22 + "!" for number in range(2000)}
    start = time.process_time()
    with pytest.raises(IsengardError) as caught:
        apply(ReplaceRegex(r"(a|b|ab)*(?:a|a)+c?$", "x"), captions, seconds=0.0)
    assert caught.value.code == "CAPTION_PATTERN_SLOW"
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    ("pattern", "replace", "named"),
    [
        ("(a", "", "missing"),
        ("[a", "", "[a"),
        ("", "", "empty"),
        ("a" * 501, "", "501"),
        ("((a{1000}){1000}){1000}", "", "multiply"),
        ("a{ 100000 }", "", "multiply"),
        ("a{999999999999}", "", "multiply"),
        ("a", "\\1", "\\1"),
        ("(a)", "\\2", "\\2"),
        ("(a)", "\\g<b>", "\\g<b>"),
        ("(a)", "\\", "replacement"),
        ("(a)(?P<b>", "", "(?P<b>"),
    ],
)
def test_a_bad_expression_is_refused_at_once(pattern: str, replace: str, named: str) -> None:
    """A person sees what is wrong before any caption is looked at, and no pattern eats the memory."""
    with pytest.raises(IsengardError) as caught:
        ReplaceRegex(pattern, replace)
    assert caught.value.code == "CAPTION_PATTERN_INVALID"
    assert named in caught.value.message


def test_a_replacement_can_not_multiply_without_end() -> None:
    """A replacement of many references to a long group is stopped while it is built."""
    with pytest.raises(IsengardError) as caught:
        apply(ReplaceRegex("(?=(.*))", "\\1" * 900), {"a.jpg": "a" * 2000})
    assert caught.value.code == "CAPTION_TOO_LONG"
    assert "a.jpg" in caught.value.message


def test_operations_travel_as_json() -> None:
    """Every kind comes back from JSON as it was."""
    examples = [operation for operation, _, _ in EDITS.values()]
    assert {operation.kind for operation in examples} == set(OPERATIONS)
    for operation in examples:
        assert operation_from_dict(json.loads(json.dumps(operation.as_dict()))) == operation


@pytest.mark.parametrize(
    ("values", "problems"),
    [
        ({}, ["kind must be"]),
        ({"kind": ["set"]}, ["kind must be"]),
        ({"kind": "eval"}, ["kind must be"]),
        ({"kind": "set"}, ["text is missing"]),
        ({"kind": "set", "text": None}, ["text must be text"]),
        ({"kind": "set", "text": "a" * 2001}, ["at most 2,000"]),
        ({"kind": "remove-tag", "tag": " "}, ["tag must not be empty"]),
        ({"kind": "replace", "find": ""}, ["find must not be empty"]),
        (
            {"kind": "replace", "fnd": "a", "whole_word": 1},
            ["fnd is not", "find is missing", "whole_word must be true"],
        ),
    ],
)
def test_what_is_wrong_with_an_edit_is_named_at_once(values: dict[str, object], problems: list[str]) -> None:
    """All problems in one answer."""
    with pytest.raises(IsengardError) as caught:
        operation_from_dict(values)
    assert caught.value.code == "CAPTION_EDIT_INVALID"
    assert all(problem in caught.value.message for problem in problems)


def test_placing_a_trigger_needs_one() -> None:
    """Without a trigger word nothing is placed in silence."""
    with pytest.raises(IsengardError, match="no trigger word"):
        apply(PlaceTrigger(), {"a": "smiling"})


def test_edits_can_be_made_twice() -> None:
    """An operation that describes a state changes nothing the second time."""
    steady: list[Operation] = [SetText("a b"), AddTag("x"), RemoveTag("park"), PlaceTrigger(), TidyUp(), AddClassWord()]
    dirty = [*UNTOUCHED, "park, ohwx ,park,, ,x.", ", , ,", "ohwx,ohwx", "a,b,1,2.", ".,.", "A man, smiling, ."]
    for operation, caption in itertools.product([*steady, KeepFirstTrigger()], dirty):
        once = apply(operation, {"a": caption}, trigger="ohwx", class_word="woman")
        after = once["a"].after if once else caption
        assert apply(operation, {"a": after}, trigger="ohwx", class_word="woman") == {}, (operation, caption, after)
