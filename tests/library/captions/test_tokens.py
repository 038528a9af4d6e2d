"""The estimate of a caption's length, held against the tokenizers themselves where a ComfyUI has them."""

from __future__ import annotations

import itertools

import pytest

from isengard.library.captions.tokens import CLIP_LENGTH, T5_LENGTH, estimate

ENGLISH = [
    "ohwx, a woman standing in a park, smiling, red dress, golden hour, close-up portrait, 3/4 view",
    "A young man with a short beard sits at a wooden table in a brightly lit café and looks out of the window.",
    "ohwx woman, portrait, head and shoulders, soft light, outdoors, green leaves behind her, white t-shirt",
    "A medium shot of ohwx on a rocky beach at sunset. He wears a navy blue windbreaker and jeans. The sky is orange "
    "and purple and the waves are crashing behind him. His expression is calm and thoughtful.",
    "upper body, blurry background, depth of field, wearing glasses, holding a cup of coffee, kitchen",
]
OTHERS = [
    "Eine Frau steht lächelnd im Park, das Licht ist weich.",
    "Un homme assis à une table, lumière douce du matin",
]


def test_english_is_estimated_closely(request: pytest.FixtureRequest) -> None:
    """Within a fifth for English, within two fifths for German and French, by both tokenizers."""
    comfy = request.getfixturevalue("comfyui").path / "comfy"
    from transformers import CLIPTokenizer, T5TokenizerFast

    t5 = T5TokenizerFast.from_pretrained(comfy / "text_encoders" / "t5_tokenizer")
    clip = CLIPTokenizer.from_pretrained(comfy / "sd1_tokenizer")
    for text in [*ENGLISH, *OTHERS]:
        about, slack = estimate(text), 0.2 if text in ENGLISH else 0.4
        assert about.t5 == pytest.approx(len(t5(text).input_ids), rel=slack), text
        assert about.clip == pytest.approx(len(clip(text).input_ids), rel=slack), text


def test_longer_texts_have_more_tokens() -> None:
    """The estimate grows with every word, and an ordinary caption is far from the limits."""
    assert estimate("").t5 == 1
    assert estimate(ENGLISH[3]).t5 < T5_LENGTH // 2
    assert estimate(ENGLISH[3]).clip < CLIP_LENGTH
    lengths = [estimate("word " * count) for count in range(1, 400, 7)]
    assert all(a.t5 < b.t5 and a.clip < b.clip for a, b in itertools.pairwise(lengths))


@pytest.mark.parametrize("text", ["一个女人在公园里微笑", "женщина улыбается", "امرأة تبتسم", "여자가 웃고 있다"])
def test_scripts_that_t5_lacks_are_known(text: str) -> None:
    """None of it is read; a trigger word among it is."""
    assert estimate(text).read == 0
    assert 0 < estimate(f"ohwx, {text}").read < 1


@pytest.mark.parametrize("text", ["", "😀👩‍🦰", "1234 5678", "ohwx, café, Straße", "—…"])
def test_what_has_no_foreign_letters_counts_as_read(text: str) -> None:
    """Signs, numbers, emoji and accents are no foreign script."""
    assert estimate(text).read == 1
