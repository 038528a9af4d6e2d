"""Characters over HTTP: what stands for them, the LoRA that was chosen, the bundled one, and their trigger words."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from isengard.library import characters, loras
from isengard.tests.generator.files import write_random_lora
from isengard.tests.library.test_gallery import add as add_picture
from isengard.tests.trainer.jobs import write_photos
from isengard.web import generating
from isengard.web.services import Services

API = "/isengard"
Here = TestClient[Any, Any]


async def ask(here: Here, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Status and JSON."""
    async with here.request(method, API + path, **({} if body is None else {"json": body})) as response:
        return response.status, await response.json()


async def picture_at(here: Here, address: str) -> tuple[int, str]:
    """Status and type of what an address gives."""
    async with here.get(address) as response:
        return response.status, response.content_type


def pictures(services: Services, slug: str) -> list[str]:
    """Names of a character's photos."""
    return sorted(path.name for path in services.library.folder(slug).images.iterdir() if path.suffix != ".txt")


@pytest.fixture
async def ada(here: Here, services: Services) -> str:
    """A character with four photos."""
    await ask(here, "POST", "/characters", {"name": "Ada", "trigger_word": "ohwx"})
    write_photos(services.library.folder("ada").images)
    return "ada"


async def test_the_list_has_a_picture_of_everybody(here: Here, services: Services, ada: str) -> None:
    """The first photo, the one that was chosen, a picture of the gallery; and nothing where there is none."""
    await ask(here, "POST", "/characters", {"name": "Zoe"})
    _, found = await ask(here, "GET", "/characters")
    first, nobody = found["characters"]
    assert (first["photos"], first["cover"], first["cover_picture"]) == (4, "", "")
    assert (nobody["photos"], nobody["thumb"]) == (0, "")
    assert (await picture_at(here, first["thumb"]))[0] == 200
    photos = pictures(services, ada)
    status, chosen = await ask(here, "PATCH", "/characters/ada", {"cover": photos[-1]})
    assert (status, photos[-1] in chosen["thumb"]) == (200, True)
    assert chosen["thumb"] != first["thumb"]
    picture = add_picture(services.library, "smiling", "ada").id
    status, painted = await ask(here, "PATCH", "/characters/ada", {"cover_picture": picture})
    assert (status, painted["cover"], painted["cover_picture"]) == (200, "", picture)
    assert await picture_at(here, painted["thumb"]) == (200, "image/webp")
    assert (await ask(here, "GET", "/characters"))[1]["characters"][0] == painted
    await ask(here, "DELETE", f"/gallery/{picture}")
    assert (await ask(here, "GET", "/characters/ada"))[1]["thumb"] == first["thumb"]
    await ask(here, "POST", f"/gallery/{picture}/restore")
    assert (await ask(here, "GET", "/characters/ada"))[1]["thumb"] == painted["thumb"]
    _, plain = await ask(here, "PATCH", "/characters/ada", {"cover": ""})
    assert (plain["cover_picture"], plain["thumb"]) == ("", first["thumb"])


async def test_a_picture_that_is_not_in_the_gallery_is_no_cover(here: Here, ada: str) -> None:
    for wanted in ("none", "../library", "x" * 150):
        status, answer = await ask(here, "PATCH", "/characters/ada", {"cover_picture": wanted})
        assert (status, answer["error"]["code"]) == (404, "PICTURE_MISSING")


async def test_a_hundred_characters_take_two_questions(
    here: Here, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are, chosen covers or not."""
    from isengard.library import covers, index

    for number in range(20):
        made = await services.run(characters.create, services.library, name=f"Somebody {number}")
        write_photos(services.library.folder(made.id).images)
        if number % 2:
            first = pictures(services, made.id)[0]
            await services.run(characters.update, services.library, made.id, {"cover": first})
    await ask(here, "GET", "/characters")
    asked = []
    connected = index.connected
    monkeypatch.setattr(covers.index, "connected", lambda library: asked.append(1) or connected(library))
    monkeypatch.setattr(covers.index, "refresh_changed", lambda library: [])
    _, found = await ask(here, "GET", "/characters")
    assert all(character["thumb"] for character in found["characters"])
    assert len(asked) <= 2


async def test_a_chosen_lora_is_used_until_it_is_deleted(
    here: Here, services: Services, ada: str, tmp_path: Path
) -> None:
    """The latest is used without a choice; somebody else's is refused."""
    library, made = services.library, []
    for seed in (1, 2):
        file = write_random_lora(tmp_path / f"ada_{seed}.safetensors", "mini")
        file.write_bytes(file.read_bytes()[:-1] + bytes([seed]))  # other weights
        made.append(await services.run(loras.register, library, ada, file, job="", step=seed, family="mini"))
    await ask(here, "POST", "/characters", {"name": "Zoe"})

    async def used() -> str:
        status, answer = await ask(here, "POST", "/generate", {"character": "ada", "prompt": "x", "steps": 1})
        assert status == 201, answer
        await ask(here, "POST", f"/generate/{answer['id']}/cancel")
        return str(answer["settings"]["loras"][0]["lora"])

    assert await used() == made[1].id
    status, found = await ask(here, "PATCH", "/characters/ada", {"lora": made[0].id})
    assert (status, found["lora"]) == (200, made[0].id)
    assert await used() == made[0].id
    status, answer = await ask(here, "PATCH", "/characters/zoe", {"lora": made[0].id})
    assert (status, answer["error"]["code"]) == (404, "LORA_MISSING")
    status, answer = await ask(here, "PATCH", "/characters/ada", {"lora": "../ada_1"})
    assert (status, answer["error"]["code"]) == (422, "NAME_INVALID")
    await ask(here, "DELETE", f"/loras/{made[0].id}")
    assert (await ask(here, "GET", "/characters/ada"))[1]["lora"] == ""
    assert await used() == made[1].id


async def test_the_lora_is_one_for_the_base_model(here: Here, services: Services, ada: str, tmp_path: Path) -> None:
    """Of a character that was trained on two: the wish for one decides, then the choice, then which is the latest."""
    for step, family in ((1, "mini"), (2, "flux1-dev")):
        file = tmp_path / f"ada_{step}.safetensors"
        file.write_bytes(b"%d" % step)
        await services.run(loras.register, services.library, ada, file, job="", step=step, family=family)
    chosen = [generating.choose_lora(services.library, ada, "", family).step for family in ("", "mini", "flux1-dev")]
    assert chosen == [2, 1, 2]
    await ask(here, "PATCH", "/characters/ada", {"lora": "ada_1"})
    chosen = [generating.choose_lora(services.library, ada, "", family).step for family in ("", "mini", "flux1-dev")]
    assert chosen == [1, 1, 2]


async def test_a_chosen_lora_travels(here: Here, services: Services, ada: str, tmp_path: Path) -> None:
    """It is the same one under the name that it has there; without LoRAs in the archive none is chosen."""
    file = write_random_lora(tmp_path / "ada_1.safetensors", "mini")
    lora = await services.run(loras.register, services.library, ada, file, job="", step=1, family="mini")
    await ask(here, "PATCH", "/characters/ada", {"lora": lora.id})
    for query, wanted in (("", f"{lora.id}-2"), ("?loras=false", "")):
        async with here.get(f"{API}/characters/ada/export{query}") as response:
            archive = await response.read()
        headers = {"Content-Type": "application/zip"}
        async with here.post(f"{API}/characters/import", data=archive, headers=headers) as response:
            came = await response.json()
            assert response.status == 201, came
        assert came["character"]["lora"] == wanted


async def test_the_bundled_character_is_made_once(here: Here) -> None:
    """Two clicks make one; somebody else's Ada stays somebody else's."""
    await ask(here, "POST", "/characters", {"name": "Ada", "trigger_word": "ohwx"})
    both = await asyncio.gather(*(ask(here, "POST", "/characters/sample") for _ in range(2)))
    assert sorted(status for status, _ in both) == [200, 201]
    assert both[0][1] == both[1][1]
    ada = both[0][1]
    assert (ada["id"], ada["name"], ada["class_word"], ada["family"]) == ("ada-2", "Ada", "woman", "mini")
    assert ada["sample"]
    assert ada["trigger_word"] != "ohwx"
    assert ada["photos"] >= 12
    assert (await picture_at(here, ada["thumb"]))[0] == 200
    _, photos = await ask(here, "GET", "/characters/ada-2/images?captions=empty")
    assert photos["total"] == 0
    assert not (await ask(here, "GET", "/characters/ada"))[1]["sample"]


@pytest.mark.parametrize(
    ("query", "usable", "codes"),
    [
        ("word=ohwx", True, []),
        ("word=vurqa", False, ["taken"]),
        ("word=VURQA", False, ["taken"]),
        ("word=vurqa&character=zoe", True, []),
        ("word=two%20words", False, ["space"]),
        ("word=table", True, ["word"]),
        ("word=woman&class_word=woman", False, ["class_word"]),
        ("", False, []),
    ],
)
async def test_a_trigger_word_is_judged_while_it_is_typed(
    here: Here, query: str, usable: bool, codes: list[str]
) -> None:
    """As the library judges it when the character is made; and a word that would do is proposed."""
    await ask(here, "POST", "/characters", {"name": "Zoe", "trigger_word": "vurqa"})
    status, found = await ask(here, "GET", f"/trigger-words?name=Anna&{query}")
    assert status == 200
    assert (found["usable"], [problem["code"] for problem in found["problems"]]) == (usable, codes)
    assert found["proposal"].startswith("an")
    assert (await ask(here, "POST", "/characters", {"name": "Anna", "trigger_word": found["proposal"]}))[0] == 201
