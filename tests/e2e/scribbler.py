# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""What a taken-over login process can do to the table: writes random words
into it as fast as it goes, until its input is closed. Run as a program:

    scribbler.py FILE SEED PART

PART is "header", the 128 octets that tell what file it is; or "all". Then it
prints how many words were written, into how many files: one that is replaced
is opened again."""

import mmap
import os
import random
import select
import struct
import subprocess
import sys

HEADER_SIZE = 128
VALUE_MASK = (1 << 41) - 1    # below it is the tag, see warden-layout.h
BATCH = 20000


def change(table, place, rng):
    """Mostly the value alone: a word with another tag reads as zero."""
    word, = struct.unpack_from("=Q", table, place)
    noise = rng.getrandbits(64)
    if word != 0 and noise & 3:
        noise = word ^ (noise & rng.getrandbits(64) & VALUE_MASK)
    struct.pack_into("=Q", table, place, noise)


def scribble_on(path, rng, part):
    """Until the file has another name, or it is enough: then True."""
    written = 0
    with open(path, "r+b") as file, \
            mmap.mmap(file.fileno(), 0) as table:
        inode = os.fstat(file.fileno()).st_ino
        print("writing", flush=True)
        while True:
            for number in range(BATCH):
                size = HEADER_SIZE if part == "header" or number % 64 == 0 \
                    else len(table)
                change(table, rng.randrange(size // 8) * 8, rng)
            written += BATCH
            if select.select([0], [], [], 0)[0]:
                return written, True
            try:
                if os.stat(path).st_ino != inode:
                    return written, False
            except FileNotFoundError:
                return written, False


def scribble(path, seed, part):
    rng = random.Random(seed)
    written = 0
    enough = False
    while not enough:
        try:
            count, enough = scribble_on(path, rng, part)
        except FileNotFoundError:
            # the next one is being made
            enough = bool(select.select([0], [], [], 0.001)[0])
            continue
        written += count
    print(written)


class Scribbler:
    """The program, running inside of the block."""

    def __init__(self, path, seed, part="all"):
        self.words = self.files = 0
        self._process = subprocess.Popen(
            [sys.executable, "-E", "-s", __file__, str(path), str(seed),
             part],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        assert self._process.stdout.readline() == "writing\n"
        self.files = 1
        return self

    def __exit__(self, *exc):
        said, _ = self._process.communicate("", timeout=30)
        *files, words = said.split()
        self.files += len(files)
        self.words = int(words)


if __name__ == "__main__":
    scribble(sys.argv[1], sys.argv[2], sys.argv[3])
