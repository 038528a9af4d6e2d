# What is called in place of a Python: REAL and SOCKET stand in front of this text when it is written to its place.
import json
import os
import signal
import socket
import sys

FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
COLD = ("_photos", "serve")
"""Commands of the pack that import nothing dear."""


def program(arguments: list) -> list:
    """The script and its arguments; nothing if something else is asked of Python."""
    flags = iter(range(len(arguments)))
    for place in flags:
        word = arguments[place]
        if word == "-X":
            next(flags)
        elif word not in ("-u", "-s", "-E", "-B"):
            return [] if word.startswith("-") else arguments[place:]
    return []


def main() -> None:
    """Has the program run, and ends as it ends."""
    words = program(sys.argv[1:])
    if not words or words[1:2] in ([word] for word in COLD):
        os.execv(REAL, [sys.argv[0], *sys.argv[1:]])  # noqa: F821 (see above)
    mother = socket.socket(socket.AF_UNIX)
    mother.connect(SOCKET)  # noqa: F821
    for number in FORWARDED:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda number, _frame: mother.send(bytes([number])))
    folder = os.getcwd()  # noqa: PTH109 (pathlib takes longer to import than all this does)
    wish = json.dumps({"words": words, "folder": folder, "environment": dict(os.environ)}).encode()
    socket.send_fds(mother, [len(wish).to_bytes(4, "big")], [0, 1, 2])
    mother.sendall(wish)
    status = mother.recv(4)
    code = int.from_bytes(status, "big", signed=True) if len(status) == 4 else -signal.SIGKILL
    if code < 0:
        if -code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


main()
