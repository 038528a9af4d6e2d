"""The native backend: accelerate and peft on the frozen diffusers transformer."""

from __future__ import annotations

from ...config import TrainingConfig
from ..interface import Run


class NativeBackend:
    """Imports torch only when a method is called."""

    name = "native"

    def check(self, config: TrainingConfig) -> None:
        """Looks at the base files' headers and for the packages that the settings need."""
        from ...families import load_family
        from .optimizers import check_optimizer

        load_family(config.family).check_files(config)
        check_optimizer(config.optimizer)

    def prepare(self, run: Run) -> str:
        """Encodes photos and words."""
        from .loop import prepare_only

        return prepare_only(run)

    def train(self, run: Run) -> str:
        """Encodes what is lacking, then trains."""
        from .loop import train

        return train(run)


BACKEND = NativeBackend()
