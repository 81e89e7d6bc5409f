"""A process to kill: forks a child per byte on stdin, and the child appends to a log until it is dead.

Every message on stdout is three int64. A child says (BORN, its pid, 0), then (offset, thread, number) for each
acknowledged record; once it is dead its parent says (DEAD, 0, 0).
"""

import os
import struct
import sys
import threading

from heptad.streams.log import Log

MESSAGE = struct.Struct("<qqq")
BORN, DEAD = -1, -2
THREADS = 3
SEGMENT_BYTES = 4096


def payload(life: int, thread: int, number: int) -> bytes:
    return b"%d %d %d " % (life, thread, number) + b"." * (number * 37 % 300)


def say(*message: int) -> None:
    os.write(1, MESSAGE.pack(*message))


def append_forever(log: Log, life: int, thread: int) -> None:
    number = 0
    while True:
        numbers = range(number, number := number + 1 + number % 3)
        batch = [payload(life, thread, each) for each in numbers]
        offsets = log.submit(batch, number).result() if thread else log.append(batch, number)
        for offset, each in zip(offsets, numbers, strict=True):
            say(offset, thread, each)


def child(directory: str, life: int) -> None:
    say(BORN, os.getpid(), 0)
    log = Log.open(directory, segment_bytes=SEGMENT_BYTES)
    for thread in range(1, THREADS):
        threading.Thread(target=append_forever, args=(log, life, thread), daemon=True).start()
    append_forever(log, life, 0)


if __name__ == "__main__":
    for life, _ in enumerate(iter(lambda: os.read(0, 1), b"")):
        pid = os.fork()
        if pid == 0:
            try:
                child(sys.argv[1], life)
            finally:
                os._exit(1)
        os.waitpid(pid, 0)
        say(DEAD, 0, 0)
