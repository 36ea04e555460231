"""What every measurement of the area shares: where, how much, and table_bench to measure ours."""

import dataclasses
import json
import subprocess

import rows

SAMPLE_TOKENS, K = 4096, 8  # of the stand-in (stand_in.h)


class Bench:
    """Runs table_bench; every call is one measurement in a process of its own."""

    def __init__(self, program):
        self.program = program

    def __call__(self, *arguments):
        done = subprocess.run([self.program, *map(str, arguments)], check=True, stdout=subprocess.PIPE)
        return json.loads(done.stdout)


@dataclasses.dataclass(frozen=True)
class Setting:
    """A metric family is a module with measure(setting), which adds its rows to setting.area."""

    area: rows.Area
    bench: Bench
    disk: str  # a folder on the disk to measure
    memory: str | None  # one in /dev/shm
    data: str  # the stand-in: data.ids (u8) and data.scores (f32), [sample][token][k]
    samples: int
    rounds: int

    @property
    def tokens(self):
        return self.samples * SAMPLE_TOKENS
