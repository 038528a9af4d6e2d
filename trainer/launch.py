"""The command that starts several trainer processes for one job."""

from __future__ import annotations

import sys

from ..errors import IsengardError
from .config import TrainingConfig


def launch_command(config: TrainingConfig, processes: int) -> list[str]:
    """`accelerate launch` with everything said, so that nobody's accelerate configuration file changes a training.

    The script and its arguments follow. Raises PROCESSES_DO_NOT_DIVIDE.
    """
    if config.gradient_accumulation % processes and config.batch_size % processes:
        raise IsengardError(
            "PROCESSES_DO_NOT_DIVIDE",
            f"{processes} processes can't share batch_size {config.batch_size} and "
            f"gradient_accumulation {config.gradient_accumulation} equally.",
        )
    import torch

    on_cpu = config.device == "cpu" or not torch.cuda.is_available()
    return [
        sys.executable, "-m", "accelerate.commands.launch",
        *(["--cpu"] if on_cpu else ["--multi_gpu"]),
        "--num_machines", "1", "--num_processes", str(processes), "--mixed_precision", "no", "--dynamo_backend", "no",
        "--main_process_port", "0",
    ]  # fmt: skip
