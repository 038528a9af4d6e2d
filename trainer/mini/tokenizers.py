"""The two tokenizers of the mini model: whole tokens for the world's words, characters and bytes for every other word.

A trigger word must always be encodable, in any script, and must mean nothing before training. So words outside the
vocabulary fall apart into letters, and letters that the world never saw into bytes.
"""

from __future__ import annotations

import itertools
import json
import string
from collections import Counter
from pathlib import Path

from .captions import vocabulary

CLIP_TOKENS = 48
"""Length of the CLIP text, start and end included. Only its pooled vector is used."""

_START, _END = "<|startoftext|>", "<|endoftext|>"
_LETTERS = string.ascii_lowercase + string.digits


def _byte_alphabet() -> list[str]:
    """The 256 printable stand-ins for bytes that byte-level BPE uses, in byte order (the table of GPT-2)."""
    keep = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    table, extra = [], 0
    for byte in range(256):
        if byte in keep:
            table.append(chr(byte))
        else:
            table.append(chr(256 + extra))
            extra += 1
    return table


def _merges(words: list[str]) -> list[tuple[str, str]]:
    """Byte-pair merges after which each word is one token.

    Learned as BPE does (the most frequent pair first), so that no merge of one word can break another word apart.
    """
    split = [[*word[:-1], word[-1] + "</w>"] for word in words]
    merges: list[tuple[str, str]] = []
    while pairs := Counter(pair for symbols in split for pair in itertools.pairwise(symbols)):
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        for symbols in split:
            at = 0
            while at < len(symbols) - 1:
                if (symbols[at], symbols[at + 1]) == best:
                    symbols[at : at + 2] = ["".join(best)]
                at += 1
    return merges


def write_clip_tokenizer(folder: Path) -> None:
    """Write `vocab.json`, `merges.txt` and the config that `CLIPTokenizer` reads, in transformers 4 and 5."""
    from transformers import CLIPTokenizer

    merges = _merges(vocabulary())
    alphabet = _byte_alphabet()
    tokens = [*alphabet, *(letter + "</w>" for letter in alphabet), *("".join(m) for m in merges), _START, _END]
    vocab = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    folder.mkdir(parents=True, exist_ok=True)
    CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=CLIP_TOKENS).save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(merge) for merge in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _name_class(folder, "CLIPTokenizer")


def write_t5_tokenizer(folder: Path, max_tokens: int) -> None:
    """Write a unigram tokenizer with T5's special tokens.

    It is a plain `PreTrainedTokenizerFast`: `T5Tokenizer` of transformers 5 rebuilds its backend without byte fallback.
    Punctuation is dropped and letters are lowered, because the text is short and neither means anything in this world.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((f"<0x{byte:02X}>", -20.0) for byte in range(256))]
    pieces += [("▁", -8.0), *((letter, -10.0) for letter in _LETTERS)]
    pieces += [("▁" + word, -2.0) for word in vocabulary()]
    backend = Tokenizer(models.Unigram(pieces, unk_id=2, byte_fallback=True))
    backend.normalizer = normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(r"[\s,.;:!?\"'()\[\]/_-]+"), " "),
            normalizers.Strip(),
        ]
    )
    backend.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True)
    backend.decoder = decoders.Sequence(
        [decoders.ByteFallback(), decoders.Metaspace(replacement="▁", prepend_scheme="always")]
    )
    backend.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=max_tokens
    )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(folder)
    _name_class(folder, "PreTrainedTokenizerFast")


def _name_class(folder: Path, name: str) -> None:
    """Write the class under the name that both transformers 4 and 5 know; 5 saves one that 4 lacks."""
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["tokenizer_class"] = name
    path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
