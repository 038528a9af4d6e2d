"""What the command line does when nobody reads its answer any more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from isengard.tests.architecture.sources import ROOT


def test_a_reader_that_goes_away_is_no_defect(tmp_path: Path) -> None:
    """`library list | head`: who reads the answer may close the pipe before it is written."""
    command = [sys.executable, str(ROOT), "library", "list", "--root", str(tmp_path / "library")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 3
