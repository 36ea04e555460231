"""Our .bin/.idx are Megatron-Core's, byte for byte: a NumPy writer after megatron/core/datasets/indexed_dataset.py."""

import os
import struct
import subprocess
import tempfile
import unittest

import numpy

BINARY = "tests/data/copy_dataset"
DTYPES = {
    1: numpy.uint8,
    2: numpy.int8,
    3: numpy.int16,
    4: numpy.int32,
    5: numpy.int64,
    6: numpy.float64,
    7: numpy.float32,
    8: numpy.uint16,
}


def write_as_megatron(prefix, code, documents, modes=None):
    """documents: lists of arrays (sequences); what _IndexWriter and IndexedDatasetBuilder write."""
    dtype = DTYPES[code]
    sequences = [numpy.asarray(sequence, dtype=dtype) for document in documents for sequence in document]
    with open(prefix + ".bin", "wb") as out:
        for sequence in sequences:
            out.write(sequence.tobytes(order="C"))
    lengths = [sequence.size for sequence in sequences]
    pointers = [sum(lengths[:i]) * numpy.dtype(dtype).itemsize for i in range(len(lengths))]
    indices = [0]
    for document in documents:
        indices.append(indices[-1] + len(document))
    with open(prefix + ".idx", "wb") as out:
        out.write(b"MMIDIDX\x00\x00" + struct.pack("<Q", 1) + struct.pack("<B", code))
        out.write(struct.pack("<Q", len(lengths)) + struct.pack("<Q", len(indices)))
        out.write(numpy.array(lengths, dtype=numpy.int32).tobytes(order="C"))
        out.write(numpy.array(pointers, dtype=numpy.int64).tobytes(order="C"))
        out.write(numpy.array(indices, dtype=numpy.int64).tobytes(order="C"))
        if modes is not None:
            out.write(numpy.array(modes, dtype=numpy.int8).tobytes(order="C"))


def read(path):
    with open(path, "rb") as file:
        return file.read()


class MegatronOracle(unittest.TestCase):
    def copy(self, code, documents, modes=None):
        with tempfile.TemporaryDirectory() as folder:
            theirs, ours = os.path.join(folder, "theirs"), os.path.join(folder, "ours")
            write_as_megatron(theirs, code, documents, modes)
            printed = subprocess.run([BINARY, theirs, ours], check=True, stdout=subprocess.PIPE).stdout
            self.assertEqual(read(ours + ".bin"), read(theirs + ".bin"))
            self.assertEqual(read(ours + ".idx"), read(theirs + ".idx"))
            return printed

    def test_every_dtype_is_read_and_written_byte_for_byte(self):
        draw = numpy.random.default_rng(1)
        for code, dtype in DTYPES.items():
            with self.subTest(dtype=dtype.__name__):
                shapes = [[3, 0, 5], [], [1], [200, 1]]
                documents = [[draw.integers(0, 127, n).astype(dtype) for n in shape] for shape in shapes]
                printed = self.copy(code, documents)
                if numpy.issubdtype(dtype, numpy.integer):
                    lines = [[int(id) for id in line.split()] for line in printed.decode().split("\n")[:-1]]
                    self.assertEqual(lines, [[int(v) for s in d for v in s] for d in documents])

    def test_a_dataset_without_documents_and_one_with_modes(self):
        self.copy(4, [])
        self.copy(8, [[[1, 2], [3]], [[4]]], modes=[0, 1, -1])


if __name__ == "__main__":
    unittest.main()
