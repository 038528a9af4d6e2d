"""LoRAs land where ComfyUI finds them, belong to their character, and can be deleted and restored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from isengard.errors import IsengardError
from isengard.library import characters, lora_records, loras, trash
from isengard.library.characters import Character
from isengard.library.store import Library
from isengard.tests.library.corpus import BAD_NAMES


@pytest.fixture(params=["inside", "elsewhere"])
def housed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Library]:
    """A library whose LoRA folder is its own, or one outside as in ComfyUI."""
    outside = None if request.param == "inside" else tmp_path / "models" / "loras" / "isengard"
    library = Library.open(tmp_path / "library", loras=outside)
    characters.create(library, name="Ada", trigger_word="ohwx")
    yield library
    library.close()


def made(tmp_path: Path, name: str = "ada_ohwx_mini_1.safetensors", content: bytes = b"weights") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_a_lora_is_copied_and_noted(housed: Library, tmp_path: Path) -> None:
    lora = loras.register(housed, "ada", made(tmp_path), job="j1", step=300, family="mini", scores={"likeness": 0.7})
    assert loras.path_of(housed, lora).read_bytes() == b"weights"
    assert (lora.trigger_word, lora.step, lora.bytes) == ("ohwx", 300, 7)
    assert loras.list_all(housed, "ada") == loras.list_all(housed) == [lora]
    assert loras.find(housed, lora.id) == lora


def test_the_same_file_again_is_the_same_lora(housed: Library, tmp_path: Path) -> None:
    first = loras.register(housed, "ada", made(tmp_path), job="j1", step=300, family="mini", scores={"likeness": 0.7})
    again = loras.register(housed, "ada", made(tmp_path), job="j1", step=300, family="mini")
    assert again == first
    other = loras.register(housed, "ada", made(tmp_path, content=b"other"), job="j2", step=300, family="mini")
    assert other.id == f"{first.id}-2"
    assert loras.path_of(housed, first).read_bytes() == b"weights"
    assert len(loras.list_all(housed, "ada")) == 2


def test_a_deleted_lora_comes_back(housed: Library, tmp_path: Path) -> None:
    lora = loras.register(housed, "ada", made(tmp_path), job="j1", step=300, family="mini")
    entry = loras.delete(housed, lora.id)
    assert loras.list_all(housed) == []
    assert not loras.path_of(housed, lora).exists()
    with pytest.raises(IsengardError) as caught:
        loras.find(housed, lora.id)
    assert caught.value.code == "LORA_MISSING"
    assert [item.kind for item in trash.entries(housed)] == ["lora"]
    trash.restore(housed, entry.id)
    assert loras.list_all(housed) == [lora]
    assert loras.path_of(housed, lora).read_bytes() == b"weights"
    assert trash.entries(housed) == []


def test_weights_that_were_taken_away_leave_the_record(housed: Library, tmp_path: Path) -> None:
    lora = loras.register(housed, "ada", made(tmp_path), job="j1", step=300, family="mini")
    loras.path_of(housed, lora).unlink()
    assert loras.list_all(housed) == [lora]
    loras.register(housed, "ada", made(tmp_path), job="j1", step=300, family="mini")
    assert loras.path_of(housed, lora).is_file()
    loras.path_of(housed, lora).unlink()
    loras.delete(housed, lora.id)
    assert loras.list_all(housed) == []


def test_a_damaged_record_hides_no_other(housed: Library, tmp_path: Path) -> None:
    lora = loras.register(housed, "ada", made(tmp_path), job="j1", step=300, family="mini")
    for number, text in enumerate(("{", "[]", "{}", '{"name": 1}')):
        (housed.folder("ada").loras / f"bad{number}.json").write_text(text)
    assert loras.list_all(housed) == [lora]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_no_bad_name_reaches_a_lora(library: Library, ada: Character, tmp_path: Path, name: str) -> None:
    source = made(tmp_path, "good.safetensors")
    for action in (
        lambda: loras.find(library, name),
        lambda: loras.delete(library, name),
        lambda: loras.register(library, name, source, job="j", step=1, family="mini"),
    ):
        with pytest.raises(IsengardError) as caught:
            action()
        assert caught.value.code == "NAME_INVALID"
    assert source.read_bytes() == b"weights"


def test_a_record_that_goes_while_it_is_read_hides_no_other(
    housed: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its character is deleted at that moment."""
    kept = loras.register(housed, "ada", made(tmp_path), job="j", step=1, family="mini")
    gone = loras.register(housed, "ada", made(tmp_path, content=b"other"), job="j", step=2, family="mini")
    read = lora_records.read_json

    def late(path: Path, code: str) -> Any:
        if path.stem == gone.id:
            path.unlink()
        return read(path, code)

    monkeypatch.setattr(lora_records, "read_json", late)
    assert [lora.id for lora in loras.list_all(housed)] == [kept.id]


def test_a_lora_of_a_deleted_character_waits_for_it(housed: Library, tmp_path: Path) -> None:
    lora = loras.register(housed, "ada", made(tmp_path), job="j1", step=300, family="mini")
    entry = loras.delete(housed, lora.id)
    gone = trash.delete_character(housed, "ada")
    with pytest.raises(IsengardError) as caught:
        trash.restore(housed, entry.id)
    assert caught.value.code == "CHARACTER_MISSING"
    assert trash.restore(housed, gone.id).character == "ada"
    trash.restore(housed, entry.id)
    assert loras.list_all(housed) == [lora]


def test_weights_that_somebody_put_in_the_place_are_not_overwritten(housed: Library, tmp_path: Path) -> None:
    lora = loras.register(housed, "ada", made(tmp_path), job="j1", step=300, family="mini")
    entry = loras.delete(housed, lora.id)
    place = loras.path_of(housed, lora)
    place.write_bytes(b"somebody else's")
    with pytest.raises(IsengardError) as caught:
        trash.restore(housed, entry.id)
    assert caught.value.code == "LIBRARY_CONFLICT"
    assert place.read_bytes() == b"somebody else's"
    place.unlink()
    trash.restore(housed, entry.id)
    assert place.read_bytes() == b"weights"
