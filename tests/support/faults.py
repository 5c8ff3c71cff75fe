"""Steers tests/faults/faults.c: what fails in a running daemon, and how often."""
import errno
import mmap
import os
import pathlib
import struct

WRITE, SYNC, READ, OPEN_TO_WRITE, ALLOCATE = range(5)
CLOCK = 5 * 16
SIZE = 4096
BUILD = pathlib.Path(os.environ.get("LECTERN_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build/release"))
LIBRARY = BUILD / "tests/faults/faults.so"
# what happens to a disk → (fault, errno) pairs
DISKS = {
    "full": [(WRITE, errno.ENOSPC)],
    "read-only": [(WRITE, errno.EROFS), (OPEN_TO_WRITE, errno.EROFS)],
    "broken for writing": [(WRITE, errno.EIO)],
    "broken for reading": [(READ, errno.EIO)],
    "that does not sync": [(SYNC, errno.EIO)],
}


class Faults:
    """One daemon's. `environment` is for its start."""

    def __init__(self, folder):
        self.path = pathlib.Path(folder) / "faults"
        self.path.write_bytes(bytes(SIZE))
        with open(self.path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), SIZE)
        asan = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
        self.environment = {"LD_PRELOAD": str(LIBRARY.resolve()), "LECTERN_FAULTS_FILE": str(self.path), "ASAN_OPTIONS": asan}

    def begin(self, fault, error=errno.ENOMEM, every=1):
        """Each `every`th of this kind fails with `error`."""
        struct.pack_into("=ii", self.map, 16 * fault, 0, error)
        struct.pack_into("=II", self.map, 16 * fault + 8, 0, 0)
        struct.pack_into("=i", self.map, 16 * fault, every)

    def disk(self, kind, every=1):
        for fault, error in DISKS[kind]:
            self.begin(fault, error, every)

    def end(self):
        """Nothing fails any more; how many have."""
        given = 0
        for fault in range(5):
            struct.pack_into("=i", self.map, 16 * fault, 0)
            given += struct.unpack_from("=I", self.map, 16 * fault + 12)[0]
            struct.pack_into("=II", self.map, 16 * fault + 8, 0, 0)
        return given

    def clock(self, seconds):
        """The time of day is so much later (or earlier) than it is."""
        struct.pack_into("=i", self.map, CLOCK, seconds)
