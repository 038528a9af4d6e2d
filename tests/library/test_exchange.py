"""Characters go out as archives and come in again the same; what comes in half, damaged or hostile changes nothing."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from isengard.errors import IsengardError
from isengard.library import adoption, characters, exchange, loras, photos, query
from isengard.library.exchange import export
from isengard.library.importing import import_character
from isengard.library.records import read_record
from isengard.library.store import Library
from isengard.library.workers import PhotoWorkers
from isengard.tests.library import exchanged
from isengard.tests.library.exchanged import contents, make_character, manifest, pack, repack, weights
from isengard.tests.library.trees import tree
from isengard.tests.media.made import noise, refused, save


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhotoWorkers]:
    """One set of processes for all libraries of these tests: starting them takes longer than what they do."""
    found = PhotoWorkers(Path("none"), tmp_path_factory.mktemp("scratch"))
    yield found
    found.close()


@pytest.fixture(scope="module")
def ada(tmp_path_factory: pytest.TempPathFactory, workers: PhotoWorkers) -> tuple[Library, Path]:
    """A library with a character, which tests don't change, and its export."""
    root = tmp_path_factory.mktemp("ada")
    library = Library.open(root / "library")
    library.workers = workers
    make_character(library, root / "given")
    export(library, "ada-lov", root / "ada.zip")
    return library, root / "ada.zip"


@pytest.fixture
def library(tmp_path: Path, workers: PhotoWorkers) -> Library:
    """An empty library."""
    found = Library.open(tmp_path / "library")
    found.workers = workers
    return found


@pytest.fixture
def files(ada: tuple[Library, Path]) -> dict[str, bytes]:
    """What is in the export."""
    return contents(ada[1])


def found_in(library: Library, slug: str) -> dict[str, tuple[str, bool, str]]:
    page = query.search(library, query.Query(characters=(slug,)))
    return {photo.file: (photo.state, photo.rejected, photo.caption) for photo in page.photos}


def assert_untouched(library: Library, archive: Path, code: str | tuple[str, ...]) -> IsengardError:
    """An import is refused with a code, and neither the library nor anything around it has changed."""
    around = library.root.parent
    before = tree(around)
    error = refused(lambda: import_character(library, archive))
    assert error.code in ([code] if isinstance(code, str) else code), error
    assert str(library.scratch) not in error.message
    assert tree(around) == before
    assert_tidy(library)
    return error


def assert_tidy(library: Library) -> None:
    assert [*library.scratch.glob("*")] == []
    assert [*(library.root / ".journal").glob("*")] == []


# There and back


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


# What is refused, and what is mended


EVIL_NAMES = [
    "../evil.jpg", "images/../../evil.jpg", "/etc/evil.jpg", "C:/evil.jpg", "C:evil.jpg", "\\\\host\\share\\evil.jpg",
    "images\\..\\..\\evil.jpg", "//host/share/evil.jpg", "images/./a.jpg", "images//a.jpg", "..", "images/..",
]  # fmt: skip


@pytest.mark.parametrize("name", EVIL_NAMES)
def test_names_that_lead_out_refuse_the_archive(
    name: str, library: Library, files: dict[str, bytes], tmp_path: Path
) -> None:
    """Whether the manifest lists them or not, and in archives of plain photos too."""
    picture = files["images/im-wald.jpg"]
    assert_untouched(library, repack(tmp_path / "1.zip", {**files, name: picture}), "ARCHIVE_UNSAFE")
    listed = {**files, name: picture, exchange.MANIFEST: manifest(files)}
    assert_untouched(library, pack(tmp_path / "2.zip", listed), "ARCHIVE_UNSAFE")
    assert_untouched(library, pack(tmp_path / "3.zip", {"a.jpg": picture, name: picture}), "ARCHIVE_UNSAFE")


MISPLACED = [
    "images/CON.jpg", "images/aux", "images/a.jpg.", "images/a.jpg ", "images/" + "x" * 200 + ".jpg", "images/a:b.jpg",
    "images/sub/a.jpg", "evil.py", "images/a.svg", "images/a.html", "originals/a.txt", "loras/a.ckpt", "loras/a.pt",
    "library.json", "trash/x/entry.json", "jobs/x/config.json", "images", "images/a\u202egpj.jpg", "records/a.txt",
]  # fmt: skip


@pytest.mark.parametrize("name", MISPLACED)
def test_only_the_layout_of_a_character_is_taken(
    name: str, library: Library, files: dict[str, bytes], tmp_path: Path
) -> None:
    """What the manifest lists under another name refuses the archive."""
    others = (
        {other: data for other, data in files.items() if not other.startswith("images/")} if name == "images" else files
    )
    assert_untouched(library, repack(tmp_path / "x.zip", {**others, name: b"x"}), "ARCHIVE_UNSAFE")


def test_what_the_manifest_does_not_list_is_left_out(library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """And said."""
    more = {**files, exchange.MANIFEST: manifest(files), "run.sh": b"#!/bin/sh", "images/other.jpg": b"x"}
    came = import_character(library, pack(tmp_path / "x.zip", more))
    assert any("run.sh" in warning and "other.jpg" in warning for warning in came.warnings)
    assert not list(library.root.rglob("run.sh"))
    assert not list(library.root.rglob("other.jpg"))


def special(path: Path, files: dict[str, bytes], change: Callable[[zipfile.ZipInfo], None]) -> Path:
    """An archive in which a last entry is changed."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
        info = zipfile.ZipInfo("images/link.jpg")
        change(info)
        archive.writestr(info, "/etc/passwd")
    return path


@pytest.mark.parametrize("mode", [0o120777, 0o020666, 0o010666, 0o060666])
def test_links_and_devices_are_refused(mode: int, library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """Whatever system the archive says it comes from."""

    def change(info: zipfile.ZipInfo) -> None:
        info.external_attr = mode << 16

    assert_untouched(library, special(tmp_path / "x.zip", files, change), "ARCHIVE_UNSAFE")


@pytest.mark.parametrize("twin", ["images/IM-WALD.jpg", "images/im-wald.jpg", "Images/im-wald.jpg"])
def test_names_that_differ_in_case_only_are_refused(
    twin: str, library: Library, files: dict[str, bytes], tmp_path: Path
) -> None:
    """One would overwrite the other on most disks."""

    def change(info: zipfile.ZipInfo) -> None:
        info.filename = twin

    with pytest.warns(UserWarning, match="Duplicate name") if twin in files else _nothing():
        archive = special(tmp_path / "x.zip", files, change)
    assert_untouched(library, archive, "ARCHIVE_UNSAFE")


class _nothing:  # noqa: N801 - stands where a context manager does
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


def test_a_name_with_nul_is_refused(library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """Python cuts it there; others may not."""
    path = pack(tmp_path / "x.zip", {**files, "images/aXevil.jpg": b"x"})
    path.write_bytes(path.read_bytes().replace(b"images/aXevil.jpg", b"images/a\0evil.jpg"))
    assert_untouched(library, path, "ARCHIVE_UNSAFE")


def patched(path: Path, name: str, **changes: tuple[int, int, int]) -> Path:
    """Changes fields of an entry in the table of contents; each is offset, length, value."""
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\1\2", 0, data.rindex(name.encode()))
    for offset, length, value in changes.values():
        data[at + offset : at + offset + length] = value.to_bytes(length, "little")
    path.write_bytes(data)
    return path


def test_encrypted_archives_and_rare_methods_say_so(library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """With what to do."""
    path = patched(pack(tmp_path / "1.zip", {"a.jpg": b"x"}), "a.jpg", flags=(8, 2, 1))
    assert "password" in assert_untouched(library, path, "ARCHIVE_UNREADABLE").hint
    path = pack(tmp_path / "2.zip", {"a.jpg": files["images/im-wald.jpg"]}, method=zipfile.ZIP_LZMA)
    assert_untouched(library, path, "ARCHIVE_UNREADABLE")


def test_bombs_are_refused_before_they_are_unpacked(library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """By ratio, by declared size, by number of files, by files that lie upon each other, by a large directory."""
    zeros = pack(tmp_path / "1.zip", {"a.bmp": bytes(50_000_000)}, method=zipfile.ZIP_DEFLATED)
    assert zeros.stat().st_size < 100_000
    assert_untouched(library, zeros, "ARCHIVE_UNSAFE")
    big = patched(
        pack(tmp_path / "2.zip", {"a.jpg": b"x" * 100}), "a.jpg", packed=(20, 4, 2**32 - 2), size=(24, 4, 2**32 - 2)
    )
    assert_untouched(library, big, ("ARCHIVE_UNSAFE", "ARCHIVE_UNREADABLE", "DISK_FULL"))
    many = tmp_path / "3.zip"
    with zipfile.ZipFile(many, "w") as archive:
        for number in range(100_001):
            archive.writestr(zipfile.ZipInfo(f"{number}.jpg"), b"")
    assert_untouched(library, many, "ARCHIVE_TOO_LARGE")
    upon = pack(tmp_path / "4.zip", {f"{n}.jpg": files["images/im-wald.jpg"] for n in range(3)})
    patched(upon, "2.jpg", offset=(42, 4, 0))
    assert_untouched(library, upon, ("ARCHIVE_UNSAFE", "ARCHIVE_UNREADABLE"))
    huge = pack(tmp_path / "5.zip", {"a.jpg": b"x"})
    data = bytearray(huge.read_bytes())
    data[-10:-6] = (2**31).to_bytes(4, "little")
    huge.write_bytes(data)
    assert_untouched(library, huge, ("ARCHIVE_TOO_LARGE", "ARCHIVE_UNREADABLE"))


def test_an_archive_that_lies_about_sizes_is_refused(library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """A file that says 100 bytes and unpacks to more is cut off there, and its hash tells."""
    path = repack(tmp_path / "x.zip", files)
    data = files["images/im-wald.jpg"]
    patched(path, "images/im-wald.jpg", size=(24, 4, len(data) // 2))
    assert_untouched(library, path, ("ARCHIVE_UNREADABLE", "ARCHIVE_UNSAFE"))


def test_files_of_each_kind_have_limits(library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """A caption or a record of megabytes is none."""
    for name in ("images/im-wald.txt", "records/im-wald.jpg.json", "character.json"):
        archive = repack(tmp_path / "x.zip", {**files, name: b"[" * 200_000})
        assert_untouched(library, archive, "ARCHIVE_TOO_LARGE")


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"GIF89a", b"<html></html>", b"\x1f\x8b\x08" * 100, b"PK\x03\x04" + b"x" * 500]
)
def test_what_is_no_zip_is_refused(data: bytes, library: Library, tmp_path: Path) -> None:
    """Told by content."""
    (tmp_path / "x.zip").write_bytes(data)
    assert_untouched(library, tmp_path / "x.zip", "ARCHIVE_UNREADABLE")
    assert_untouched(library, tmp_path / "missing.zip", "ARCHIVE_UNREADABLE")


def test_a_cut_archive_is_refused_wherever_it_is_cut(
    ada: tuple[Library, Path], library: Library, tmp_path: Path
) -> None:
    """A download that broke off."""
    data = ada[1].read_bytes()
    for share in (0.01, 0.3, 0.7, 0.95, 0.999):
        (tmp_path / "x.zip").write_bytes(data[: int(len(data) * share)])
        assert_untouched(library, tmp_path / "x.zip", "ARCHIVE_UNREADABLE")
    (tmp_path / "x.zip").write_bytes(data[:-1])
    assert_untouched(library, tmp_path / "x.zip", "ARCHIVE_UNREADABLE")


def test_a_flipped_bit_is_noticed(ada: tuple[Library, Path], library: Library, tmp_path: Path) -> None:
    """All over the archive: refused with a code, or harmless."""
    data = ada[1].read_bytes()
    whole = 0
    for at in range(7, len(data), len(data) // 60):
        broken = bytearray(data)
        broken[at] ^= 0x10
        (tmp_path / "x.zip").write_bytes(broken)
        before = tree(library.root)
        code = ""
        try:
            came = import_character(library, tmp_path / "x.zip")
        except IsengardError as error:
            code = error.code
        if code:
            assert code.startswith("ARCHIVE_"), at
            assert tree(library.root) == before
        else:
            whole += 1
            assert (came.photos, came.loras) == (3, 2)
        assert_tidy(library)
    assert whole <= 5


def test_foreign_and_newer_manifests_are_refused(library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """By code."""

    def refuse(code: str, data: bytes) -> None:
        assert_untouched(library, pack(tmp_path / "x.zip", {**files, exchange.MANIFEST: data}), code)

    refuse("ARCHIVE_NEWER", manifest(files, format=exchange.FORMAT + 1))
    refuse("ARCHIVE_FOREIGN", manifest(files, kind="something"))
    refuse("ARCHIVE_FOREIGN", manifest(files, format="1"))
    refuse("ARCHIVE_FOREIGN", json.dumps({"kind": exchange.KIND, "format": 1, "files": []}).encode())
    refuse("ARCHIVE_FOREIGN", b"[]")
    refuse("ARCHIVE_UNREADABLE", b"{")
    refuse("ARCHIVE_UNREADABLE", b"[" * 200_000)
    refuse("ARCHIVE_UNREADABLE", manifest({**files, "images/gone.jpg": b"x"}))
    refuse("ARCHIVE_UNREADABLE", manifest({**files, "images/im-wald.jpg": b"another"}))
    no_hashes = {"kind": exchange.KIND, "format": 1, "files": dict.fromkeys(files)}
    refuse("ARCHIVE_UNREADABLE", json.dumps(no_hashes).encode())
    refuse("ARCHIVE_UNREADABLE", manifest({name: data for name, data in files.items() if name != "character.json"}))
    assert_untouched(library, pack(tmp_path / "x.zip", {"readme.md": b"x", "run.sh": b"x"}), "ARCHIVE_FOREIGN")


CHARACTERS: list[Any] = [
    [], {}, {"name": "x"}, {"name": "", "trigger_word": "x"}, {"name": "x", "trigger_word": "two words"},
    {"name": "x" * 301, "trigger_word": "x"}, {"name": ["x"], "trigger_word": "x"},
    {"name": "x", "trigger_word": "x", "strength": 9}, {"name": "x\u0000", "trigger_word": "x"},
]  # fmt: skip


@pytest.mark.parametrize("found", CHARACTERS)
def test_a_character_must_hold_what_characters_hold(
    found: Any, library: Library, files: dict[str, bytes], tmp_path: Path
) -> None:
    """Its file is checked like one that is here already."""
    archive = repack(tmp_path / "x.zip", {**files, "character.json": json.dumps(found).encode()})
    assert_untouched(library, archive, "ARCHIVE_UNREADABLE")


def test_an_address_is_never_taken_on_trust(library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """An id that is no slug gives way to one made of the name."""
    for wanted in ("../../evil", "", "CON", "a/b", "a" * 300, 5, None):
        found = {**json.loads(files["character.json"]), "id": wanted, "trigger_word": f"w{len(library.slugs())}"}
        came = import_character(
            library, repack(tmp_path / "x.zip", {**files, "character.json": json.dumps(found).encode()})
        )
        assert came.character.id.startswith("ada-lov")
    assert len(library.slugs()) == 7


RECORDS: list[Any] = [
    [], 5, {"sha256": 5}, {"edit": {"rotation": 45}}, {"edit": {"crop": [0, 0, "x", 1]}}, {"history": [5]},
    {"source": {"taken": ["list"]}}, {"source": [1]}, {"title": "\ud800"}, {"size": "x"},
]  # fmt: skip


@pytest.mark.parametrize("found", RECORDS)
def test_a_record_must_hold_what_records_hold(
    found: Any, library: Library, files: dict[str, bytes], tmp_path: Path
) -> None:
    """Also where the index would stumble over it."""
    archive = repack(tmp_path / "x.zip", {**files, "records/im-wald.jpg.json": json.dumps(found).encode()})
    assert_untouched(library, archive, "ARCHIVE_UNREADABLE")


def test_newer_records_and_characters_are_refused(library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """Their fields may mean something else."""
    for name in ("character.json", "records/im-wald.jpg.json", next(n for n in files if n.startswith("loras/"))):
        found = json.dumps({**json.loads(files[name]), "format": 99}).encode()
        assert_untouched(library, repack(tmp_path / "x.zip", {**files, name: found}), "ARCHIVE_NEWER")


def test_a_record_reaches_for_nothing_but_its_own_original(
    library: Library, files: dict[str, bytes], tmp_path: Path
) -> None:
    """Not for a path, and not for another photo's: deleting one would take the other's away."""
    mine = json.loads(files["records/b.png.json"])
    for original in ("../../../library.json", "/etc/passwd", "nothing.jpg", "im-wald.jpg"):
        changed = json.dumps({**mine, "original": original}).encode()
        came = import_character(library, repack(tmp_path / "x.zip", {**files, "records/b.png.json": changed}))
        folder = library.folder(came.character.id)
        names = [record.original for file in ("im-wald.jpg", "b.png", "c.jpg") if (record := read_record(folder, file))]
        assert len(set(names) - {""}) == len([name for name in names if name])
        assert all(not name or (folder.originals / name).is_file() for name in names)


NO_PICTURES = [
    b"<html><script>", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"MZ\x90", b"#!/bin/sh", b"\x80\x04\x95",
    b"PK\3\4", b"", b"%!PS-Adobe",
]  # fmt: skip


@pytest.mark.parametrize("data", NO_PICTURES)
def test_what_is_no_picture_is_refused(data: bytes, library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """Whatever its name says: working images and originals."""
    for name in ("images/im-wald.jpg", "originals/im-wald.jpg", "images/new.jpg"):
        assert_untouched(library, repack(tmp_path / "x.zip", {**files, name: data}), "ARCHIVE_UNSAFE")


def test_a_picture_that_can_not_be_decoded_is_left_out(
    library: Library, files: dict[str, bytes], tmp_path: Path
) -> None:
    """With its caption and its record; the others come in."""
    came = import_character(library, repack(tmp_path / "x.zip", {**files, "images/b.png": files["images/b.png"][:200]}))
    assert (came.photos, len(came.warnings)) == (2, 1)
    assert "b.png" in came.warnings[0]
    assert not [name for name in tree(library.characters) if "/b." in name]


def test_a_photo_that_is_not_as_we_leave_them_is_taken_in_later(
    library: Library, files: dict[str, bytes], tmp_path: Path
) -> None:
    """An image with a location comes in as one that was put there by hand, though the record says it is in order."""
    unclean = exchanged.located(tmp_path / "x.jpg").read_bytes()
    record = json.loads(files["records/im-wald.jpg.json"])
    record["working"] = hashlib.sha256(unclean).hexdigest()
    changed = {**files, "images/im-wald.jpg": unclean, "records/im-wald.jpg.json": json.dumps(record).encode()}
    import_character(library, repack(tmp_path / "x.zip", changed))
    assert found_in(library, "ada-lov")["im-wald.jpg"][0] == "changed"
    os.utime(library.folder("ada-lov").image("im-wald.jpg"), (1, 1))
    assert [item.what for item in adoption.take_in(library, "ada-lov")] == ["changed"]
    assert b"Exif" not in library.folder("ada-lov").image("im-wald.jpg").read_bytes()[:100]
    assert found_in(library, "ada-lov")["im-wald.jpg"][0] == "ok"


def test_captions_that_are_no_text_are_left_out(library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """And named."""
    came = import_character(library, repack(tmp_path / "x.zip", {**files, "images/b.txt": b"\xff\xfe\x00"}))
    assert (came.photos, len(came.warnings)) == (3, 1)
    assert "b.txt" in came.warnings[0]


BAD_WEIGHTS = [
    b"", b"\x80\x04\x95pickle", b"PK\3\4" + b"x" * 100, struct.pack("<Q", 2**60) + b"{}", struct.pack("<Q", 10) + b"{",
    struct.pack("<Q", 2) + b"[]", struct.pack("<Q", 24) + b'{"a":{"data_offsets":[0]',
    struct.pack("<Q", 34) + b'{"a":{"data_offsets":[0,99999999]}}',
]  # fmt: skip


@pytest.mark.parametrize("data", BAD_WEIGHTS)
def test_weights_must_be_safetensors(data: bytes, library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """No pickles, no headers that are larger than the file."""
    name = next(name for name in files if name.endswith(".safetensors"))
    assert_untouched(library, repack(tmp_path / "x.zip", {**files, name: data}), "ARCHIVE_UNSAFE")


def test_a_cover_that_is_not_there_is_forgotten(library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """One that is there is kept."""
    for cover, kept in (("../../x.jpg", ""), ("gone.jpg", ""), ("character.json", ""), ("b.png", "b.png")):
        found = {**json.loads(files["character.json"]), "cover": cover}
        came = import_character(
            library, repack(tmp_path / "x.zip", {**files, "character.json": json.dumps(found).encode()})
        )
        assert came.character.cover == kept
