"""What is wanted of the running trainer: control.json, the system's signals, and a parent that is no longer there."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from pathlib import Path
from types import FrameType

from .. import log
from ..errors import IsengardError
from ..sentences import Said
from .states import Control, read_control

_ASKED = {
    "pause": Said("ended.paused_by_request", "paused by request"),
    "cancel": Said("ended.cancelled_by_request", "cancelled by request"),
}
_LOG = log.get("trainer.wishes")


class Wishes:
    """Asked by the loop after every step; cheap while nothing changes."""

    def __init__(self, control_file: Path) -> None:
        self._file = control_file
        self._stamp: tuple[int, ...] = ()
        self._control = Control()
        self._interrupted = ""
        self._poll()
        self._samples = self._control.samples
        self._saves = self._control.saves

    @property
    def stop(self) -> str:
        """`pause`, `cancel`, `interrupt` or nothing. Who asks to pause or cancel, and then by signal because it takes
        long, still means to pause or cancel."""
        return self.asked or ("interrupt" if self._interrupted else "")

    @property
    def asked(self) -> str:
        """What control.json asks for: `pause`, `cancel` or nothing."""
        self._poll()
        return self._control.stop

    @property
    def reason(self) -> str:
        """Why the run stops, for people."""
        return _ASKED.get(self.asked, self._interrupted)

    def take_sample(self) -> bool:
        """Whether sample pictures were asked for out of turn since the last call."""
        self._poll()
        wanted, self._samples = self._control.samples > self._samples, self._control.samples
        return wanted

    def take_save(self) -> bool:
        """Whether a checkpoint was asked for out of turn since the last call."""
        self._poll()
        wanted, self._saves = self._control.saves > self._saves, self._control.saves
        return wanted

    def interrupt(self, reason: str) -> None:
        """Asks for the end of the run from inside the process."""
        self._interrupted = self._interrupted or reason

    def heed_signals(self) -> None:
        """Makes SIGTERM, a closed terminal and Ctrl+C ask politely; a second Ctrl+C ends at once. Main thread only."""
        for name in ("SIGTERM", "SIGINT", "SIGBREAK", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores the last one
                signal.signal(number, self._on_signal)

    def heed_lifeline(self) -> None:
        """Ends the run when standard input closes: it is a pipe that the parent holds, and it goes with the parent."""

        def wait() -> None:
            with suppress(OSError):
                while os.read(0, 1):  # sys.stdin's own lock would be held while Python shuts down
                    pass
            self.interrupt(Said("ended.parent_gone", "the program that started the training ended it or is gone"))

        threading.Thread(target=wait, name="lifeline", daemon=True).start()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._interrupted and number == signal.SIGINT:
            raise KeyboardInterrupt
        name = signal.Signals(number).name
        self.interrupt(Said("ended.by_system", f"ended by {name}", signal=name))

    def _poll(self) -> None:
        try:
            found = self._file.stat()
        except OSError:
            return
        stamp = (found.st_mtime_ns, found.st_ino, found.st_size)  # the clock of a disk alone is too coarse
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._control = read_control(self._file)
        except (IsengardError, OSError) as problem:  # a file edited by hand must not end a training of hours
            _LOG.warning("control.json was passed over", problem=str(problem))
