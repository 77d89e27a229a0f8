"""How a stage begins as a copy of an interpreter that has loaded everything, where `make repro` keeps one ready.

Loading torch and transformers takes 4 s of CPU time, as long as some stages work. `pipeline.standby` loads them once;
`python -m pipeline.STAGE` then sends it its arguments, environment and standard streams, waits for the copy that does
the work, and ends as that does. A signal is passed on, and a copy whose stage was killed ends too. Where none stands
by, or code has changed since, the stage loads everything itself. Imports nothing that takes time.
"""

import json
import os
import signal
import socket
import sys
from types import FrameType

ADDRESS = "EHRGEN_STANDBY"
"""Names the socket, from the project's folder: a path of a socket has to be short."""
STAGES = ("train", "sample", "evaluate", "anchor")
SEVERAL = {"EHRGEN_PROCESSES", "LOCAL_WORLD_SIZE"}
"""Either is set where a stage runs in several processes, which their launcher starts and watches."""
WORD = 8  # bytes of a number on the socket
KILLED = 128 + signal.SIGKILL


def hand_over() -> None:
    """Where one stands by for this stage, let it do the work and exit as it does; else return.

    To be called while `python -m pipeline.STAGE` loads the package `pipeline`.
    """
    known = [["-m", f"pipeline.{name}"] for name in STAGES]
    if sys.argv[0] != "-m" or sys.orig_argv[1:3] not in known or ADDRESS not in os.environ or SEVERAL & set(os.environ):
        return
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(os.environ[ADDRESS])
            send(line, {"arguments": sys.orig_argv[2:], "environment": dict(os.environ), "process": os.getpid()})
            copy = int.from_bytes(line.recv(WORD), "big")
        except OSError:  # it has just ended
            return
        if copy:
            raise SystemExit(_status(line, copy))


def send(line: socket.socket, request: dict) -> None:
    """The request, with this process's standard streams."""
    content = json.dumps(request).encode()
    socket.send_fds(line, [len(content).to_bytes(WORD, "big")], [0, 1, 2])
    line.sendall(content)


def receive(line: socket.socket) -> tuple[dict, list[int]]:
    """What `send` has sent: the request, and the streams as file descriptors of this process.

    Raises:
        OSError: If the sender is gone.
    """
    size, streams, _, _ = socket.recv_fds(line, WORD, 3)
    content, left = [], int.from_bytes(size, "big")
    while left:
        content.append(line.recv(left))
        if not content[-1]:
            raise ConnectionResetError("the stage that asked is gone")
        left -= len(content[-1])
    return json.loads(b"".join(content)), streams


def _status(line: socket.socket, copy: int) -> int:
    """The exit status of the copy, once it ends; signals reach it meanwhile."""

    def pass_on(number: int, frame: FrameType | None) -> None:
        os.kill(copy, number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, pass_on)
    ended = line.recv(1)
    return ended[0] if ended else KILLED
