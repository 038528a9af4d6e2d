"""Characters go out as archives and come in again the same."""

from __future__ import annotations

import json
import unicodedata
import zipfile
from pathlib import Path

from isengard.library import adoption, characters, exchange, loras, photos
from isengard.library.exchange import export
from isengard.library.importing import import_character
from isengard.library.records import read_record
from isengard.library.store import Library
from isengard.library.workers import PhotoWorkers
from isengard.tests.library import exchanged
from isengard.tests.library.exchanged import (
    assert_tidy,
    contents,
    found_in,
    manifest,
    pack,
    weights,
)  # fmt: skip
from isengard.tests.library.trees import tree
from isengard.tests.media.made import noise, refused, save


def test_a_character_comes_back_the_same(ada: tuple[Library, Path], library: Library, tmp_path: Path) -> None:
    """Photos, captions, originals, records, decisions and weights have the same hashes; measurements are made again."""
    theirs, archive = ada
    came = import_character(library, archive)
    assert (came.character.id, came.photos, came.loras, came.warnings) == ("ada-lov", 3, 2, ())
    exported = export(library, "ada-lov", tmp_path / "again.zip")
    assert contents(tmp_path / "again.zip") == contents(archive)
    assert exported.photos == 3
    assert found_in(library, "ada-lov") == found_in(theirs, "ada-lov")
    assert {state for state, *_ in found_in(library, "ada-lov").values()} == {"ok"}
    old, new = characters.get(theirs, "ada-lov"), characters.get(library, "ada-lov")
    assert new == old
    assert adoption.waiting(library, "ada-lov") == []
    record = read_record(library.folder("ada-lov"), "b.png")
    assert record
    assert record.edit.rotation == 90
    assert photos.undo_edit(library, "ada-lov", "b.png")
    assert_tidy(library)


def test_loras_come_with_their_weights_and_without_traces(ada: tuple[Library, Path], library: Library) -> None:
    """Jobs and folders of the other machine stay there."""
    import_character(library, ada[1])
    came = loras.list_all(library, "ada-lov")
    assert sorted(lora.step for lora in came) == [100, 200]
    for lora in came:
        (old,) = [other for other in loras.list_all(ada[0]) if other.id == lora.id]
        assert loras.path_of(library, lora).read_bytes() == loras.path_of(ada[0], old).read_bytes()
        assert (lora.sha256, lora.scores, lora.trigger_word) == (old.sha256, old.scores, old.trigger_word)
        assert (lora.job, lora.base) == ("", {"file": "flux.safetensors", "bytes": 5})


def test_an_archive_holds_nothing_of_the_machine(ada: tuple[Library, Path], files: dict[str, bytes]) -> None:
    """No jobs, no cache, no absolute paths; the manifest is the last entry and lists the rest with hashes."""
    with zipfile.ZipFile(ada[1]) as archive:
        assert archive.namelist()[-1] == exchange.MANIFEST
        listed = json.loads(archive.read(exchange.MANIFEST))
        methods = {info.filename.rpartition(".")[2]: info.compress_type for info in archive.infolist()}
    assert set(listed["files"]) == set(files)
    assert listed["files"] == json.loads(manifest(files))["files"]
    assert (listed["photos"], listed["loras"], listed["character"]["id"]) == (3, 2, "ada-lov")
    assert not [name for name in files if ".cache" in name or "job" in name or name.startswith("/")]
    texts = b"".join(data for name, data in files.items() if name.endswith(".json"))
    assert str(ada[0].root).encode() not in texts
    assert b"/home/" not in texts
    stored = {kind for kind, method in methods.items() if method == zipfile.ZIP_STORED}
    assert stored == {"jpg", "png", "safetensors"}


def test_importing_beside_the_original_gets_free_names_and_a_warning(
    ada: tuple[Library, Path], library: Library
) -> None:
    """The second has its own address and its own LoRA files; the word it shares is kept, and another is proposed."""
    import_character(library, ada[1])
    first = tree(library.characters / "ada-lov")
    came = import_character(library, ada[1])
    assert came.character.id == "ada-lov-2"
    assert came.character.trigger_word == exchanged.TRIGGER
    (warning,) = came.warnings
    assert exchanged.TRIGGER in warning
    assert "Ada Löv" in warning
    assert tree(library.characters / "ada-lov") == first
    assert len({lora.id for lora in loras.list_all(library)}) == 4
    for lora in loras.list_all(library, "ada-lov-2"):
        assert loras.path_of(library, lora).is_file()


def test_originals_and_loras_can_stay_at_home(ada: tuple[Library, Path], library: Library, tmp_path: Path) -> None:
    """Without originals nothing tells where a photo was taken, and a crop is what the photo is from then on."""
    whole = export(ada[0], "ada-lov", tmp_path / "whole.zip")
    assert ["say where they were taken" in warning for warning in whole.warnings] == [True]
    small = export(ada[0], "ada-lov", tmp_path / "small.zip", originals=False, loras=False)
    assert small.warnings == ()
    assert not [name for name in contents(tmp_path / "small.zip") if name.startswith(("originals/", "loras/"))]
    came = import_character(library, tmp_path / "small.zip")
    assert (came.photos, came.loras, came.warnings) == (3, 0, ())
    record = read_record(library.folder("ada-lov"), "b.png")
    assert record
    assert (record.original, record.edit.rotation, record.history) == ("", 0, ())
    assert {state for state, *_ in found_in(library, "ada-lov").values()} == {"ok"}


class Pipe:
    """Something that can be written to and nothing else, as an HTTP answer."""

    def __init__(self) -> None:
        self.largest = 0
        self.data = bytearray()

    def write(self, data: bytes) -> int:
        self.largest = max(self.largest, len(data))
        self.data += data
        return len(data)

    def flush(self) -> None:
        pass


def test_an_export_is_streamed(ada: tuple[Library, Path], library: Library, tmp_path: Path) -> None:
    """Into a pipe, in pieces, and it can be imported like a file."""
    weights(tmp_path / "big.safetensors", 5_000_000)
    import_character(library, ada[1])
    loras.register(library, "ada-lov", tmp_path / "big.safetensors", job="", step=1, family="mini")
    pipe = Pipe()
    export(library, "ada-lov", pipe)  # type: ignore[arg-type]
    assert len(pipe.data) > 5_000_000
    assert pipe.largest <= 1 << 20
    (tmp_path / "piped.zip").write_bytes(pipe.data)
    assert import_character(library, tmp_path / "piped.zip").loras == 3


def test_an_existing_file_is_not_overwritten(ada: tuple[Library, Path], tmp_path: Path) -> None:
    """Nor is a folder."""
    (tmp_path / "mine.zip").write_text("mine")
    assert refused(lambda: export(ada[0], "ada-lov", tmp_path / "mine.zip")).code == "TARGET_EXISTS"
    assert refused(lambda: export(ada[0], "ada-lov", tmp_path)).code == "TARGET_EXISTS"
    assert (tmp_path / "mine.zip").read_text() == "mine"


def test_an_export_is_of_one_moment(ada: tuple[Library, Path], library: Library, tmp_path: Path) -> None:
    """What changes while the archive is written doesn't come in: it was linked aside."""
    import_character(library, ada[1])

    class Meddling(Pipe):
        def write(self, data: bytes) -> int:
            if not self.data:
                photos.set_rejected(library, [("ada-lov", "b.png")], True)
            return super().write(data)

    pipe = Meddling()
    export(library, "ada-lov", pipe)  # type: ignore[arg-type]
    (tmp_path / "piped.zip").write_bytes(pipe.data)
    assert contents(tmp_path / "piped.zip") == contents(ada[1])
    assert found_in(library, "ada-lov")["b.png"][1]


AWKWARD = ["CON.jpg", "a:b?.jpg", "trailing .jpg", "\u202egpj.exe.jpg", f"{'x' * 200}.jpg", "line\nbreak.jpg"]


def test_file_names_are_safe_on_every_system(ada: tuple[Library, Path], library: Library, tmp_path: Path) -> None:
    """Photos that somebody put in under names that not every system takes go out under good ones."""
    import_character(library, ada[1])
    for number, name in enumerate(AWKWARD):
        save(library.folder("ada-lov").images / name, noise((80, 80), number), format="JPEG")
    save(library.folder("ada-lov").images / "B.PNG", noise((80, 80), 99), format="PNG")
    exported = export(library, "ada-lov", tmp_path / "out.zip")
    assert exported.photos == 3 + len(AWKWARD) + 1
    stored = [name for name in contents(tmp_path / "out.zip") if name.startswith("images/")]
    assert len({unicodedata.normalize("NFC", name).casefold() for name in stored}) == len(stored)
    other = Library.open(tmp_path / "other")
    other.workers = library.workers
    assert import_character(other, tmp_path / "out.zip").photos == exported.photos


def test_long_names_with_emoji_travel(library: Library, tmp_path: Path) -> None:
    """300 characters, a family of four, right-to-left: the name is the same afterwards, its address plain."""
    name = ("👩‍👩‍👧‍👦 Ädä שָׁלוֹם " * 30)[:300].strip()
    character = characters.create(library, name=name, trigger_word="zzq")
    list(photos.add(library, character.id, [photos.Source(path=save(tmp_path / ("🦊" * 30 + ".jpg")))]))
    exported = export(library, character.id, tmp_path / "out.zip")
    assert exported.file.isascii()
    came = import_character(library, tmp_path / "out.zip")
    assert came.character.name == character.name
    assert came.character.id == f"{character.id}-2"


def test_what_is_damaged_in_the_library_is_left_out_and_named(
    ada: tuple[Library, Path], library: Library, tmp_path: Path
) -> None:
    """A file that is no picture, a record that can't be read, weights that were taken away."""
    import_character(library, ada[1])
    folder = library.folder("ada-lov")
    (folder.images / "page.jpg").write_text("<html>")
    folder.record("b.png").write_text("{")
    gone, broken = loras.list_all(library)
    loras.path_of(library, gone).unlink()
    (folder.loras / f"{broken.id}.json").write_text("{")
    exported = export(library, "ada-lov", tmp_path / "out.zip")
    assert (exported.photos, exported.loras) == (3, 0)
    for about in ("page.jpg", "b.png", gone.name, f"{broken.id}.json"):
        assert any(about in warning for warning in exported.warnings), about
    other = Library.open(tmp_path / "other")
    other.workers = library.workers
    import_character(other, tmp_path / "out.zip")
    assert found_in(other, "ada-lov")["b.png"][0] == "new"


def test_a_folder_that_was_unpacked_and_packed_again_is_taken(
    library: Library, files: dict[str, bytes], tmp_path: Path
) -> None:
    """With its folder, and with what macOS adds."""
    all_files = {**files, exchange.MANIFEST: manifest(files)}
    packed = {f"Ada/{name}": data for name, data in all_files.items()}
    packed |= {"__MACOSX/Ada/._c.jpg": b"x", "Ada/.DS_Store": b"x"}
    came = import_character(library, pack(tmp_path / "ada.zip", packed, method=zipfile.ZIP_DEFLATED))
    assert (came.photos, came.loras, came.warnings) == (3, 2, ())


def test_loras_may_live_outside_the_library(ada: tuple[Library, Path], workers: PhotoWorkers, tmp_path: Path) -> None:
    """ComfyUI's folder, perhaps on another disk."""
    library = Library.open(tmp_path / "library", loras=tmp_path / "comfy" / "loras")
    library.workers = workers
    import_character(library, ada[1])
    came = loras.list_all(library)
    assert sorted(path.stem for path in (tmp_path / "comfy" / "loras").iterdir()) == sorted(lora.id for lora in came)
    assert export(library, "ada-lov", tmp_path / "out.zip").loras == 2
    assert_tidy(library)
