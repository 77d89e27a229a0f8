"""Stages that begin as copies of a process that has loaded what they import; see `ehrgen.core.standby`."""

import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ehrgen.core import orphans, standby
from ehrgen.workflow.call import STANDBY, environment

PATIENCE = 10.0  # seconds for a stage to say what it asks for
State = dict[str, tuple[int, int]]
"""Files, with when each was last changed, in nanoseconds, and its size."""


@contextmanager
def standing_by() -> Iterator[None]:
    """Within it, stages begin as copies of an interpreter that has loaded what they import; under Linux alone.

    Elsewhere libraries of the system do not bear to be copied.
    """
    if sys.platform != "linux":
        yield
        return
    os.environ[standby.ADDRESS] = STANDBY
    command = [sys.executable, "-m", "pipeline.standby"]
    try:  # a session of its own: a Ctrl-C in the terminal is for the stages
        with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment(), start_new_session=True):
            yield
    finally:
        del os.environ[standby.ADDRESS]


def serve(address: Path, load: Callable[[], None]) -> None:
    """Answer whoever connects to this socket, until standard input is closed; then wait for the copies.

    Args:
        load: Imports what stages need; who asks meanwhile waits.
    """
    address.parent.mkdir(parents=True, exist_ok=True)
    address.unlink(missing_ok=True)
    began = time.time_ns()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(address))
        listening.listen()
        load()
        loaded = state(own_files())
        if max(changed for changed, _ in loaded.values()) >= began:
            loaded = {}  # nobody knows which code was read
        while True:
            ready, _, _ = select.select([listening, sys.stdin], [], [], 1.0)
            with suppress(ChildProcessError):  # there is none
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            if sys.stdin in ready:
                break
            if listening in ready:
                with suppress(OSError), listening.accept()[0] as line:
                    line.settimeout(PATIENCE)
                    answer(line, listening, loaded)
        address.unlink(missing_ok=True)
    with suppress(ChildProcessError):
        while True:
            os.wait()


def own_files() -> list[str]:
    """Each file of our own that is loaded, or is a stage."""
    loaded = [module.__file__ for module in sys.modules.values() if getattr(module, "__file__", None)]
    stages = [f"pipeline/{name}.py" for name in standby.STAGES]
    own = {Path(file).resolve() for file in [*loaded, *stages] if file}
    root = Path.cwd().resolve()
    return [str(path) for path in own if path.is_relative_to(root) and ".venv" not in path.parts]


def state(files: Iterable[str]) -> State:
    """That of these files now."""
    return {file: _stamp(file) for file in files}


def _stamp(file: str) -> tuple[int, int]:
    with suppress(OSError):
        found = os.stat(file)
        return found.st_mtime_ns, found.st_size
    return 0, 0


def answer(line: socket.socket, listening: socket.socket, loaded: State) -> None:
    """A copy of this process for a stage that asks; none if code is no longer what was loaded."""
    request, streams = standby.receive(line)
    current = bool(loaded) and state(loaded) == loaded
    if current and os.fork() == 0:
        listening.close()
        _work(line, request, streams)
    for stream in streams:
        os.close(stream)
    if not current:
        line.sendall((0).to_bytes(standby.WORD, "big"))


def _work(line: socket.socket, request: dict, streams: list[int]) -> None:
    """Become the stage, in the copy; never returns."""
    line.settimeout(None)
    line.sendall(os.getpid().to_bytes(standby.WORD, "big"))
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(request["environment"])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    orphans.started_by(request["process"])
    threading.Thread(target=_end_with, args=(line,), daemon=True).start()
    stage, *sys.argv[1:] = request["arguments"]
    status = _status_of(stage)
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    line.sendall(bytes([status]))
    os._exit(status)


def _status_of(stage: str) -> int:
    """Run a stage as `python -m` does; its exit status."""
    try:
        runpy.run_module(stage, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _end_with(line: socket.socket) -> None:
    """End at once when the process that asked does: the stage has been killed."""
    line.recv(1)
    os._exit(standby.KILLED)
