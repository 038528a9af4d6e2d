"""A real ComfyUI as a process: on a free port, with folders of its own and the pack linked into its custom_nodes."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isengard import settings
from isengard.tests.comfyui.host import ComfyUI
from isengard.tests.ports import free_port
from isengard.tests.warm.interpreter import taken_for
from isengard.tests.web.server import Client

PATIENCE = 300.0
PACK_NAME = "isengard"
SMALL: dict[str, Any] = {
    "resolutions": [64], "batch_size": 2, "warmup_steps": 2, "save_every": 4, "sample_every": 4, "log_every": 1,
    "sample_steps": 2, "sample_width": 64, "sample_height": 64, "device": "cpu",
    "sample_prompts": ["{trigger} person"],
}  # fmt: skip
"""Settings of a training of seconds on the embedded model."""
LONG = {**SMALL, "save_every": 20, "sample_every": 0}
"""With many steps: one that goes on until it is stopped."""
Graph = dict[str, dict[str, Any]]


@dataclass
class Running:
    """One ComfyUI. `base` holds its models, user folder and custom nodes: nothing of the real one is touched."""

    comfyui: ComfyUI
    base: Path
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    arguments: tuple[str, ...] = ()
    """Further ones for ComfyUI."""
    warm: bool = True
    """Whether what it starts has its imports done; not where processes' numbers or beginnings matter."""

    @property
    def root(self) -> Path:
        """The library."""
        return self.base / "user" / "__isengard"

    @property
    def loras(self) -> Path:
        """Where finished LoRAs are."""
        return self.base / "models" / "loras" / "isengard"

    @property
    def log(self) -> str:
        """What it printed."""
        return (self.base / "comfyui.log").read_text(encoding="utf-8", errors="replace")

    @property
    def ours(self) -> Client:
        """Asks our routes."""
        return Client(self.port)

    @property
    def theirs(self) -> Client:
        """Asks ComfyUI's routes."""
        return Client(self.port, prefix="")

    def start(self) -> Running:
        """Starts it and waits until it listens."""
        nodes = self.base / "custom_nodes"
        nodes.mkdir(parents=True, exist_ok=True)
        if not (nodes / PACK_NAME).exists():
            (nodes / PACK_NAME).symlink_to(settings.PACK, target_is_directory=True)
        self.port = free_port()
        environment = {**os.environ, "PYTHONUTF8": "1", "HF_HUB_OFFLINE": "1", "ISENGARD_MODE": "fast-test"}
        for name in ("PYTHONPATH", "VOLUME_ROOT", "COMFYUI_PATH", "ISENGARD_MODELS", "ISENGARD_LORAS"):
            environment.pop(name, None)
        real = str(self.comfyui.python)
        with (self.base / "comfyui.log").open("ab") as output:
            self.process = subprocess.Popen(
                [taken_for(real) if self.warm else real, "main.py", "--cpu", "--base-directory", str(self.base),
                 "--port", str(self.port), "--disable-auto-launch", *self.arguments],
                executable=real, cwd=self.comfyui.path, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT,
                env={"OMP_NUM_THREADS": "1", **environment, **self.environment}, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while not self.answers():
            assert self.process.poll() is None, self.log[-4000:]
            assert time.monotonic() < deadline, self.log[-4000:]
            time.sleep(0.3)
        return self

    def answers(self) -> bool:
        """Whether it listens."""
        try:
            return self.theirs.ask("GET", "/queue").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def kill(self) -> None:
        """Ends it as hard as the system can; what it has started must end by itself."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(60)

    def put(self, graph: Graph) -> str:
        """Puts a prompt into the queue; returns its id."""
        prompt_id = str(uuid.uuid4())
        answer = self.theirs.ask("POST", "/prompt", {"prompt": graph, "prompt_id": prompt_id})
        assert answer.status == 200, answer.body
        return prompt_id

    def end_of(self, prompt_id: str) -> dict[str, Any]:
        """Waits for a prompt's end and gives its history."""
        found: dict[str, Any] = self.until(
            lambda: self.theirs.ask("GET", f"/history/{prompt_id}").json().get(prompt_id), "the prompt never ended"
        )
        return found

    def run(self, graph: Graph) -> dict[str, Any]:
        """Runs a prompt that must succeed; gives its outputs by node."""
        history = self.end_of(self.put(graph))
        assert history["status"]["status_str"] == "success", history["status"]["messages"][-1]
        outputs: dict[str, Any] = history["outputs"]
        return outputs

    def until(self, seen: Callable[[], Any], complaint: str) -> Any:
        """Asks again and again until something is true, and gives it."""
        deadline = time.monotonic() + PATIENCE
        while not (found := seen()):
            assert self.process is not None
            assert self.process.poll() is None, self.log[-4000:]
            assert time.monotonic() < deadline, f"{complaint}\n{self.log[-3000:]}"
            time.sleep(0.1)
        return found

    def prompts(self) -> list[str]:
        """Ids of all prompts that run or wait."""
        found = self.theirs.ask("GET", "/queue").json()
        return [item[1] for item in [*found["queue_running"], *found["queue_pending"]]]

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs, the latest first."""
        found: list[dict[str, Any]] = self.ours.get("/jobs")["jobs"]
        return found


def training(steps: int, values: dict[str, Any] = SMALL, *, again: bool = False, rank: int = 4) -> Graph:
    """Character → Prepare → Train, on the embedded model."""
    return {
        "character": node("IsengardCharacter", character="ada"),
        "prepare": node(
            "IsengardPrepare", character=["character", 0], preset="quick", base_model="mini", steps=steps, rank=rank,
            settings=json.dumps(values),
        ),
        "train": node(
            "IsengardTrainLoRA", job=["prepare", 0], base_model_file="as in the job", train_again=again
        ),
    }  # fmt: skip


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    """A node of a prompt."""
    return {"class_type": class_type, "inputs": inputs}
