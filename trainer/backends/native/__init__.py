"""The native backend: accelerate and peft on the frozen diffusers transformer."""

from __future__ import annotations

from ...config import TrainingConfig
from ...job import JobFolder
from ..interface import Run


class NativeBackend:
    """Imports torch only when a method is called."""

    name = "native"

    def check(self, config: TrainingConfig, job: JobFolder | None = None) -> None:
        """Looks at the base files' headers and for the packages that the settings need.

        A job that is prepared already needs no encoders any more: it may have been moved to a machine without them.
        """
        from ...families import load_family
        from ...prepare import is_prepared
        from ...quantised.nf4 import check_nf4
        from .optimizers import check_optimizer

        encoders = job is None or not is_prepared(job, config)
        load_family(config.family).check_files(config, encoders=encoders)
        check_optimizer(config.optimizer)
        if config.base_weights == "nf4":
            check_nf4()

    def prepare(self, run: Run) -> str:
        """Encodes photos and words."""
        from .loop import prepare_only

        return prepare_only(run)

    def train(self, run: Run) -> str:
        """Encodes what is lacking, then trains."""
        from ...families.interface import LoadingStopped
        from .loop import train
        from .processes import ENDS

        try:
            return train(run)
        except LoadingStopped:
            return ENDS.get(run.wishes.stop, "interrupted")  # the wish may have been taken back meanwhile


BACKEND = NativeBackend()
