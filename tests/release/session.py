"""A person's session, made up by chance: what is asked of a server, what it said, and what must therefore be true.

Every answer that came is remembered. A request whose answer did not come may have been carried out or not: both are
right, so both are remembered.
"""

from __future__ import annotations

import contextlib
import http.client
import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from isengard.errors import IsengardError
from isengard.tests.web.server import SMALL, Answer, Client, Server
from isengard.trainer.job import JobFolder

MOST_JOBS = 3
MOST_CHARACTERS = 6
STOPPED = ("paused", "interrupted", "failed", "cancelled")


@dataclass
class Known:
    """What must be so. Of values there is one after an answer, and more after a request in the dark."""

    names: dict[str, set[str]] = field(default_factory=dict)
    """By character."""
    captions: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """By photo."""
    deleted: dict[str, str] = field(default_factory=dict)
    """Characters in the trash, with the entry."""
    vague: set[str] = field(default_factory=set)
    """Characters that a deletion or restoring in the dark was about: there or in the trash."""
    jobs: set[str] = field(default_factory=set)


class Session:
    """Asks at random, is killed at random, and is told afterwards what became of everything."""

    def __init__(self, server: Server, photos: Path, seed: int) -> None:
        self.server, self.known = server, Known()
        self.chance = random.Random(seed)
        self.photos = sorted(photos.glob("*.png"))
        self.said: list[str] = []
        """What was done, for whoever must understand a failure."""
        self.client: Client = server.start()
        self._count = 0

    def step(self) -> None:
        """One thing that a person might do now."""
        actions = [self._create, self._upload, self._upload, self._caption, self._caption, self._rename, self._read,
                   self._delete, self._restore, self._train, self._stop, self._go_on, self._go_on]  # fmt: skip
        action = self.chance.choice(actions)
        self.said.append(action.__name__)
        action()

    def kill_server(self) -> None:
        """As hard as it can be done, perhaps in the middle of a request, and starts it again."""
        self.said.append("KILL the server")
        aim = threading.Timer(self.chance.random() * 0.3, self.server.kill)
        aim.start()
        while aim.is_alive():
            self.step()
        aim.join()
        self.server.kill()
        self.client = self.server.start()

    def kill_trainer(self) -> bool:
        """Kills the process that trains now; false if there is none."""
        for path in sorted((self.server.root / "jobs").glob("*/lock")):
            with contextlib.suppress(IsengardError, psutil.Error):
                if (owner := JobFolder(path.parent).owner()) is not None:
                    self.said.append(f"KILL the trainer of {path.parent.name}")
                    psutil.Process(owner.pid).kill()
                    return True
        return False

    def _ask(self, method: str, path: str, body: Any = None, **more: Any) -> Answer | None:
        """The answer, or None if there was none."""
        try:
            return self.client.ask(method, path, body, **more)
        except (OSError, http.client.HTTPException, AttributeError):
            return None

    def _there(self) -> list[str]:
        return sorted(set(self.known.names) - set(self.known.deleted) - self.known.vague)

    def _someone(self) -> str:
        there = self._there()
        return self.chance.choice(there) if there else ""

    def _create(self) -> None:
        if len(self.known.names) >= MOST_CHARACTERS:
            return
        self._count += 1
        answer = self._ask("POST", "/characters", {"name": f"Person {self._count}"})
        if answer is not None:
            assert answer.status == 201, answer.body
            self.known.names[answer.json()["id"]] = {f"Person {self._count}"}

    def _rename(self) -> None:
        if not (slug := self._someone()):
            return
        name = f"{slug} {self.chance.randrange(1000)}"
        before = self.known.names[slug]
        self.known.names[slug] = before | {name}
        answer = self._ask("PATCH", f"/characters/{slug}", {"name": name})
        if answer is not None:
            assert answer.status == 200, answer.body
            self.known.names[slug] = {name}

    def _upload(self) -> None:
        if not (slug := self._someone()):
            return
        parts = [
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n%s\r\n'
            % (path.name.encode(), path.read_bytes())
            for path in self.chance.sample(self.photos, 3)
        ]
        answer = self._ask(
            "POST", f"/characters/{slug}/images", data=b"".join(parts) + b"--x--\r\n",
            Content_Type="multipart/form-data; boundary=x",
        )  # fmt: skip
        if answer is not None:
            assert answer.status == 201, answer.body
            for added in answer.json()["added"]:
                if added["file"]:
                    self.known.captions.setdefault((slug, added["file"]), {""})

    def _caption(self) -> None:
        keys = [key for key in self.known.captions if key[0] in self._there()]
        if not keys:
            return
        slug, file = self.chance.choice(sorted(keys))
        caption = f"a caption {self.chance.randrange(10**6)}"
        self.known.captions[slug, file] = self.known.captions[slug, file] | {caption}
        answer = self._ask("PATCH", f"/characters/{slug}/images/{file}", {"caption": caption})
        if answer is not None:
            assert answer.status == 200, answer.body
            self.known.captions[slug, file] = {caption}

    def _delete(self) -> None:
        slug = self._someone()
        if not slug or len(self._there()) < 3 or self.chance.random() < 0.5:
            return
        self.known.vague.add(slug)
        answer = self._ask("DELETE", f"/characters/{slug}")
        if answer is not None:
            assert answer.status == 200, answer.body
            self.known.vague.discard(slug)
            self.known.deleted[slug] = answer.json()["trash"]

    def _restore(self) -> None:
        if not self.known.deleted:
            return
        slug = self.chance.choice(sorted(self.known.deleted))
        entry = self.known.deleted.pop(slug)
        self.known.vague.add(slug)
        answer = self._ask("POST", f"/trash/{entry}/restore")
        if answer is not None:
            assert answer.status == 200, answer.body
            self.known.vague.discard(slug)

    def _read(self) -> None:
        for path in ("/characters", "/training", "/trash", "/system"):
            answer = self._ask("GET", path)
            assert answer is None or answer.status == 200, answer.body

    def _train(self) -> None:
        ready = [slug for slug in self._there() if sum(key[0] == slug for key in self.known.captions) >= 3]
        if not ready or len(self.known.jobs) >= MOST_JOBS:
            return
        values = {**SMALL, "steps": 40, "sample_every": 20, "seed": self.chance.randrange(1000)}
        wish = {"character": self.chance.choice(ready), "preset": "quick", "family": "mini", "settings": values}
        answer = self._ask("POST", "/training", wish)
        if answer is not None:
            assert answer.status in (200, 201), answer.body
            self.known.jobs.add(answer.json()["id"])

    def _stop(self) -> None:
        if self.known.jobs and self.chance.random() < 0.3:
            job = self.chance.choice(sorted(self.known.jobs))
            answer = self._ask("POST", f"/training/{job}/{self.chance.choice(['pause', 'cancel'])}")
            assert answer is None or answer.status in (200, 409), answer.body

    def _go_on(self) -> None:
        for job in sorted(self.known.jobs):
            found = self._ask("GET", f"/training/{job}")
            if found is not None and found.status == 200 and found.json()["state"] in STOPPED:
                answer = self._ask("POST", f"/training/{job}/resume")
                assert answer is None or answer.status in (200, 409), answer.body

    def finish(self) -> None:
        """Brings every job to its end, as somebody would who comes back the next day."""
        deadline = time.monotonic() + 900
        while True:
            states = {job: self.client.get(f"/training/{job}")["state"] for job in sorted(self.known.jobs)}
            if all(state == "done" for state in states.values()):
                return
            assert time.monotonic() < deadline, states
            for job, state in states.items():
                if state in STOPPED:
                    self.client.ask("POST", f"/training/{job}/resume")
            time.sleep(0.3)
