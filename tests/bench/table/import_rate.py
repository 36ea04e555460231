"""import_rate: captured routes in an .npz to a table; NumPy reading the same arrays beside it."""

import os

import numpy
import rows


def stand_in_trace(folder):
    path = os.path.join(folder, "trace.npz")
    random = numpy.random.default_rng(1)
    ids = numpy.argsort(random.random((24 * 40_000, 32), numpy.float32), axis=1)[:, :4].astype(numpy.uint8)
    numpy.savez_compressed(path, ids=ids.reshape(24, 40_000, 4), seq_len=numpy.full(100, 400, numpy.int32))
    return path


def measure(setting):
    trace = os.environ.get("GROUTER_BENCH_TRACE")
    case = "captured trace" if trace else "stand-in trace"
    trace = trace or stand_in_trace(setting.disk)

    def read(_):
        def work():
            arrays = numpy.load(trace)
            return int(arrays["seq_len"].sum()), arrays["ids"].shape

        seconds, (tokens, _) = rows.timed(work)
        return tokens / seconds

    def ours(_):
        result = setting.bench("import", trace, os.path.join(setting.disk, "imported"))
        return result["tokens"] / result["seconds"]

    measured, peer = rows.interleaved(setting.rounds, ours, read)
    setting.area.add(
        "import_rate",
        case,
        "tokens/s",
        "higher",
        measured,
        peer=peer,
        peer_name="NumPy reading the same arrays",
        bar=rows.Bar("peer", 0.5),
    )
