"""The linter finds what is wrong with captions, says nothing about good ones, and its repairs repair."""

from __future__ import annotations

import json
import random
import time

import pytest

from isengard.library.captions.edits import RemoveTag, apply, operation_from_dict
from isengard.library.captions.linter import CaptionReport, Finding, lint

PLACES = ["in a park", "at a desk", "on a beach", "in a kitchen", "by a car", "in the snow", "on stage", "in bed"]
GOOD = {
    "1.jpg": "ohwx woman in a park, blue coat, smiling, morning light",
    "2.jpg": "close-up of ohwx woman, indoors, serious, lamp behind her",
    "3.jpg": "ohwx woman sits at a desk and writes, grey sweater, window on the left",
    "4.jpg": "full-body photo of ohwx woman on a beach, summer dress, squinting into the sun",
    "5.jpg": "ohwx woman laughing, kitchen, apron, seen from the side",
    "6.jpg": "ohwx woman on a bicycle, red helmet, street, cloudy",
}


def report(captions: dict[str, str] | list[str], trigger: str = "ohwx", class_word: str = "woman") -> CaptionReport:
    """The report on captions, by photo or numbered."""
    if isinstance(captions, list):
        captions = {f"{number}.jpg": text for number, text in enumerate(captions, 1)}
    return lint(captions, trigger=trigger, class_word=class_word)


def the(code: str, found: CaptionReport) -> Finding:
    """The one finding of a code."""
    (finding,) = [finding for finding in found.findings if finding.code == code]
    return finding


def codes(found: CaptionReport) -> set[str]:
    """All codes in a report."""
    return {finding.code for finding in found.findings}


def traits(found: CaptionReport) -> dict[str, str]:
    """The traits that were found, with their code."""
    return {finding.subject: finding.code for finding in found.findings if finding.code.startswith("trait")}


def test_good_captions_have_no_findings() -> None:
    """A set as it should be is left in peace."""
    assert report(GOOD).findings == ()
    assert (report(GOOD).photos, report(GOOD).written) == (6, 6)


def test_empty_captions() -> None:
    """They are named, and the repair is the trigger word with the class word."""
    found = report({**GOOD, "7.jpg": "", "8.jpg": " \n"})
    finding = the("empty", found)
    assert (finding.level, finding.photos) == ("warn", ("7.jpg", "8.jpg"))
    assert (found.photos, found.written) == (8, 6)
    assert repaired(finding, {"7.jpg": "", "8.jpg": " "}) == {"7.jpg": "ohwx woman", "8.jpg": "ohwx woman"}


@pytest.mark.parametrize(
    ("caption", "code", "after"),
    [
        ("a woman smiling", "trigger_missing", "ohwx, a woman smiling"),
        ("a woman, OHWX, smiling", "trigger_spelling", "a woman, ohwx, smiling"),
        ("Ohwx, a woman", "trigger_spelling", "ohwx, a woman"),
        ("a womanohwx woman", "trigger_missing", "ohwx, a womanohwx woman"),
        ("ohwx woman, smiling, ohwx", "trigger_twice", "ohwx woman, smiling"),
        ("ohwx, smiling", "class_word_missing", "ohwx woman, smiling"),
    ],
)
def test_a_flaw_is_found_and_repaired(caption: str, code: str, after: str) -> None:
    """One planted flaw among good captions: only that is found, in that photo, and is gone after the repair."""
    captions = {**GOOD, "bad.jpg": caption}
    found = report(captions)
    assert codes(found) == {code}
    assert the(code, found).photos == ("bad.jpg",)
    assert repaired(the(code, found), captions) == {"bad.jpg": after}
    assert codes(report({**captions, "bad.jpg": after})) == set()


def repaired(finding: Finding, captions: dict[str, str]) -> dict[str, str]:
    """What the finding's repair makes of its photos, sent as JSON on the way."""
    repair = operation_from_dict(json.loads(json.dumps(finding.as_dict()))["repair"])
    chosen = {photo: captions[photo] for photo in finding.photos}
    changes = apply(repair, chosen, trigger="ohwx", class_word="woman")
    return {photo: change.after for photo, change in changes.items()}


def test_a_placeholder_counts_as_the_trigger() -> None:
    """Training puts the word there."""
    assert report({**GOOD, "7.jpg": "{trigger} woman in a garden, hat"}).findings == ()


def test_a_trigger_twice_in_a_sentence_has_no_repair() -> None:
    """An edit that would break the sentence isn't offered."""
    finding = the("trigger_twice", report({**GOOD, "7.jpg": "ohwx woman smiles while ohwx woman waves in a garden"}))
    assert finding.repair is None


@pytest.mark.parametrize(
    ("text", "code", "level"),
    [
        ("ohwx woman " + "y" * 2000, "too_long", "reject"),
        ("ohwx woman " + "tree " * 300, "cut_off", "warn"),
        ("ohwx woman " + "tree " * 100, "long_for_clip", "info"),
        ("ohwx woman 在公园里微笑，红色外套，早晨的阳光", "script_unread", "warn"),
    ],
)
def test_length_and_script(text: str, code: str, level: str) -> None:
    """Each in its own words, estimated where it is an estimate."""
    found = report({**GOOD, "long.jpg": text})
    assert codes(found) == {code}
    assert (the(code, found).level, the(code, found).photos) == (level, ("long.jpg",))
    assert ("estimated" in the(code, found).message) == (code in ("cut_off", "long_for_clip"))


def test_the_same_text_on_different_photos() -> None:
    """Spelling aside; each text is one finding."""
    found = report({**GOOD, "7.jpg": "ohwx woman, Garden", "8.jpg": "ohwx  woman, garden.", "9.jpg": GOOD["1.jpg"]})
    assert [finding.photos for finding in found.findings if finding.code == "duplicate"] == [
        ("1.jpg", "9.jpg"),
        ("7.jpg", "8.jpg"),
    ]


def test_the_trigger_alone_is_no_duplicate() -> None:
    """A way to train that some choose on purpose: it is explained once."""
    found = report(["ohwx woman", "ohwx woman", "ohwx"])
    assert codes(found) == {"trigger_only", "class_word_missing"}
    assert the("trigger_only", found).level == "info"


def test_looks_named_in_most_captions() -> None:
    """The classic mistake: hair colour named everywhere. As a tag it can be taken out at once."""
    captions = {f"{n}.jpg": f"ohwx woman, brown hair, {place}" for n, place in enumerate(PLACES)}
    captions["0.jpg"] = "ohwx woman with brown hair near a red door"
    finding = the("trait_of_identity", report(captions))
    assert (finding.subject, len(finding.photos), finding.repair) == ("brown hair", 8, RemoveTag("brown hair"))
    assert "part of the character" in finding.message
    assert repaired(finding, captions)["3.jpg"] == "ohwx woman, in a kitchen"
    assert traits(report([f"ohwx woman, {'brown hair, ' if n < 4 else ''}{p}" for n, p in enumerate(PLACES)])) == {
        "brown hair": "trait_of_identity"
    }


def test_looks_that_change_are_named_rightly() -> None:
    """Hair of another colour in each photo is what captions are for."""
    colours = ["red", "blue", "green", "black", "white", "pink", "grey", "silver"]
    assert traits(report([f"ohwx woman, {c} hair, {p}" for c, p in zip(colours, PLACES, strict=True)])) == {}
    assert traits(report([f"ohwx woman, {c} beard, {p}" for c, p in zip(colours, PLACES, strict=True)])) == {
        "beard": "trait_of_identity"
    }


def test_looks_inside_sentences_have_no_ready_repair() -> None:
    """Cutting words out of a sentence would leave nonsense: a person rewrites it."""
    finding = the("trait_of_identity", report([f"ohwx, a woman with long brown hair {p}." for p in PLACES]))
    assert (finding.subject, finding.repair) == ("long brown hair", None)


def test_other_things_in_nearly_all_captions() -> None:
    """Clothes, light and place: a matter of photos, so nothing is taken out; the longest phrase is named once."""
    found = report([f"ohwx woman {p}, white linen shirt, soft light" for p in PLACES])
    assert traits(found) == {"white linen shirt": "trait_in_nearly_all", "soft light": "trait_in_nearly_all"}
    assert all(finding.repair is None for finding in found.findings)
    half = [f"ohwx woman {p}{', soft light' if n % 2 else ''}" for n, p in enumerate(PLACES)]
    assert traits(report(half)) == {}


def test_words_that_stand_in_every_caption_are_no_traits() -> None:
    """Trigger, class word, “photo of a”, “she is wearing”: not worth a word."""
    assert traits(report([f"A photo of ohwx, a woman {p}. She is looking at the camera." for p in PLACES])) == {}
    assert traits(report([f"zqx dog {p}, photo" for p in PLACES], "zqx", "dog")) == {}


def test_that_there_is_light_is_no_trait() -> None:
    """The plain captioner names the light of every photo; only the same light in all of them is worth a word."""
    lights = ["warm light", "cool light", "bright light", "dim light", "soft light", "hard light"]
    lit = [f"ohwx woman, {lights[n % 6]}, {p}" for n, p in enumerate(PLACES)]
    assert traits(report(lit)) == {}
    assert traits(report([f"ohwx woman, warm light, {p}" for p in PLACES])) == {"warm light": "trait_in_nearly_all"}


def test_few_captions_have_no_traits() -> None:
    """What four have in common may be chance."""
    assert traits(report([f"ohwx woman {p}, brown hair" for p in PLACES[:4]])) == {}


@pytest.mark.parametrize(
    ("captions", "expected"),
    [
        ([f"ohwx, eine Frau mit braunen Haaren {n} im Park" for n in "abcdef"], {"braunen haaren", "park"}),
        ([f"ohwx, une femme avec une barbe rousse {n}" for n in "abcdef"], {"barbe rousse"}),
        ([f"ohwx, 女人，{n}，公园里" for n in ("微笑", "红帽", "蓝裙", "坐着", "跑步")], {"公园里"}),
        ([f"ohwx, женщина с каштановыми волосами {n}" for n in ("дома", "в парке", "тут", "там", "здесь")], set()),
        ([f"ohwx، امرأة، {n}، حديقة" for n in ("تبتسم", "تجلس", "تقف", "تقرأ", "تمشي")], {"امرأة", "حديقة"}),
    ],
)
def test_traits_in_other_languages(captions: list[str], expected: set[str]) -> None:
    """Tags in any script, phrases in Latin script; where words aren't known nothing is made up."""
    assert set(traits(report(captions))) == expected


def test_findings_come_gravest_first_and_as_json() -> None:
    """Errors before warnings before notes; the report is plain data."""
    found = report(["y" * 2001, "", "OHWX", "smiling", "smiling", "ohwx, ohwx"])
    levels = [finding.level for finding in found.findings]
    assert levels == sorted(levels, key=["reject", "warn", "info"].index)
    assert levels[0] == "reject"
    assert json.loads(json.dumps(found.as_dict()))["photos"] == 6
    assert {finding.code for finding in found.of("3.jpg")} >= {"trigger_spelling"}
    for finding in found.findings:
        assert finding.message.endswith(".")
        assert set(finding.photos) <= {f"{number}.jpg" for number in range(1, 7)}


@pytest.mark.parametrize(
    "captions",
    [
        {},
        {"a": ""},
        {"a": "\x00\ud800,,,"},
        {"a": "(" * 2000},
        {str(n): "," * n for n in range(9)},
        {str(n): "🙂 " * n for n in range(9)},
        {str(n): "e\u0301" * 50 for n in range(9)},
        {str(n): "-'-’ _ ― ·" for n in range(9)},
    ],
)
def test_anything_is_looked_at_without_a_crash(captions: dict[str, str]) -> None:
    """Nothing, rubbish, signs alone; without trigger and class word too."""
    for trigger, class_word in (("ohwx", "woman"), ("", ""), ("(", "["), ("a.b", "a|b")):
        lint(captions, trigger=trigger, class_word=class_word)


def test_a_thousand_captions_are_quick() -> None:
    """Half a second is promised on a free core; a crowded one gets three times that."""
    dice = random.Random(1)
    words = [f"word{number}" for number in range(900)] + ["red", "park", "smiling", "brown hair"] * 40
    captions = {
        f"{number}.jpg": "ohwx, a woman, "
        + ", ".join(" ".join(dice.choices(words, k=dice.randint(1, 4))) for _ in range(dice.randint(4, 16)))
        + ". She stands in a park and smiles at the camera."
        for number in range(1000)
    }
    start = time.process_time()
    lint(captions, trigger="ohwx", class_word="woman")
    assert time.process_time() - start < 1.5
