"""Streams and single plans: from the real server, and from a server that breaks where the test says."""

import concurrent.futures
import unittest

import grpc
import numpy as np

from tests.client.python import made_plans, served_plans

client = served_plans.import_client()

from grouter.v1 import plan_pb2, plan_service_pb2, plan_service_pb2_grpc  # noqa: E402

AWAY = "127.0.0.1:1"  # nothing listens there
MIB = 1 << 20


class RealServerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.job = cls.enterClassContext(served_plans.ServedJob())

    def test_a_plan_by_key_is_the_planners(self):
        step = client.get_plan(self.job.address, self.job.digest, 1, 0)
        self.assertEqual(step.part, client.decode_step(self.job.payloads[3]))
        self.assertEqual(step.part.step, 1)
        self.assertEqual(len(step.micro_batches), 2)
        for plan, payload in zip(step.micro_batches, self.job.payloads[4:]):
            expected = client.decode_micro_batch(payload)
            self.assertEqual(plan.samples, expected.samples)
            for group in range(len(expected.layer_groups)):
                np.testing.assert_array_equal(plan.topk_ids(group), expected.topk_ids(group))

    def test_a_plan_past_the_end_is_an_error(self):
        with self.assertRaises(grpc.RpcError) as caught:
            client.get_plan(self.job.address, self.job.digest, 6, 0)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.OUT_OF_RANGE)

    def test_the_stream_gives_every_step_in_order_from_the_server_that_answers(self):
        with client.PlanStream([AWAY, self.job.address], self.job.digest, rank=1) as stream:
            steps = list(stream)
        self.assertEqual([step.part.step for step in steps], list(range(6)))
        for step in steps:
            for plan in step.micro_batches:
                chunks = [chunk for group in plan.layer_groups for chunk in group.chunks]
                self.assertGreater(sum(int(chunk.send_splits.sum()) for chunk in chunks), 0)
                received = sum(int(chunk.recv_counts.sum()) for chunk in chunks)
                self.assertEqual(received, plan.num_pairs_received)
                self.assertEqual(plan.topk_ids(0).shape, (plan.num_tokens, 2))

    def test_the_stream_begins_at_the_step_asked_for(self):
        with client.PlanStream(self.job.address, self.job.digest, rank=0, first_step=4) as stream:
            self.assertEqual([step.part.step for step in stream], [4, 5])


def part_of(step, micro_batch=None):
    """(position, payload) of a made part; ids tell step and micro-batch."""
    if micro_batch is None:
        return plan_pb2.PlanPosition(step=step), made_plans.step_bytes(step)
    position = plan_pb2.PlanPosition(step=step, micro_batch=micro_batch)
    return position, made_plans.one_sample([10 * step + micro_batch] * 8, step, micro_batch)


def frames_of(part, frame_bytes):
    position, payload = part
    for begin in range(0, len(payload), frame_bytes):
        at = plan_pb2.PlanPosition()
        at.CopyFrom(position)
        at.payload_offset_bytes = begin
        data = payload[begin : begin + frame_bytes]
        yield plan_pb2.PlanFrame(position=at, payload_bytes=len(payload), data=data)


def response(*frames):
    return plan_service_pb2.StreamPlansResponse(frames=frames)


def whole_step(step, frame_bytes=MIB):
    return [f for m in (None, 0, 1) for f in frames_of(part_of(step, m), frame_bytes)]


class ScriptedServer(plan_service_pb2_grpc.PlanServiceServicer):
    """Answers the n-th stream with the n-th script: a generator over (opening request, requests, context)."""

    def __init__(self, *scripts):
        self._scripts = list(scripts)
        self.openings = []

    def StreamPlans(self, requests, context):
        first = next(requests)
        self.openings.append(first)
        yield from self._scripts[len(self.openings) - 1](first, requests, context)

    def __enter__(self):
        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
        plan_service_pb2_grpc.add_PlanServiceServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()
        return self

    def __exit__(self, *unused):
        self._server.stop(None).wait()


def read_all(server, **options):
    with client.PlanStream(server.address, "job", rank=1, **options) as stream:
        return list(stream)


def ids_of(steps):
    return [[plan.topk_ids()[0, 0] for plan in step.micro_batches] for step in steps]


class ScriptedServerTest(unittest.TestCase):
    def test_frames_may_cut_parts_anywhere_and_share_messages(self):
        def script(first, requests, context):
            frames = whole_step(0, 7) + whole_step(1, 11)
            for begin in range(0, len(frames), 3):
                yield response(*frames[begin : begin + 3])

        with ScriptedServer(script) as server:
            steps = read_all(server)
        self.assertEqual([step.part.step for step in steps], [0, 1])
        self.assertEqual(ids_of(steps), [[0, 1], [10, 11]])

    def test_a_stream_broken_inside_a_step_begins_again_at_that_step(self):
        def breaks(first, requests, context):
            yield response(*whole_step(0))
            yield response(*whole_step(1, 16)[:-2])
            context.abort(grpc.StatusCode.UNAVAILABLE, "away")

        def rest(first, requests, context):
            yield response(*whole_step(1))

        with ScriptedServer(breaks, rest) as server:
            steps = read_all(server)
        self.assertEqual([opening.open.first.step for opening in server.openings], [0, 1])
        self.assertEqual({(o.open.job_digest, o.open.rank) for o in server.openings}, {("job", 1)})
        self.assertEqual([step.part.step for step in steps], [0, 1])
        self.assertEqual(ids_of(steps), [[0, 1], [10, 11]])

    def test_an_error_that_another_try_cannot_mend_is_raised_at_once(self):
        def refuses(first, requests, context):
            context.abort(grpc.StatusCode.NOT_FOUND, "job unknown here")
            yield response()

        def would_serve(first, requests, context):
            yield response(*whole_step(0))

        with ScriptedServer(refuses, would_serve) as server:
            with self.assertRaises(grpc.RpcError) as caught:
                read_all(server)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)
        self.assertEqual(len(server.openings), 1)

    def test_no_server_within_the_time_limit_is_an_error(self):
        with client.PlanStream([AWAY], "job", rank=0, server_timeout_s=0) as stream:
            with self.assertRaises(grpc.RpcError) as caught:
                next(iter(stream))
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)

    def test_each_finished_step_is_reported(self):
        finished = []

        def script(first, requests, context):
            yield response(*whole_step(0))
            yield response(*whole_step(1))
            while not finished:
                request = next(requests)
                if request.HasField("progress"):
                    finished.append(request.progress.finished_step)

        with ScriptedServer(script) as server:
            self.assertEqual(len(read_all(server)), 2)
        self.assertEqual(finished, [0])

    def test_credit_is_at_least_a_mebibyte_and_grows_with_what_arrived(self):
        grants = []

        def script(first, requests, context):
            grants.append(first.granted_payload_bytes)
            sent = 0
            position = plan_pb2.PlanPosition(step=0, micro_batch=0)
            large = position, made_plans.one_sample(bytes(2 * MIB))
            for frame in [*frames_of(part_of(0), MIB), *frames_of(large, MIB // 2)]:
                while sent + len(frame.data) > grants[-1]:
                    granted = next(requests).granted_payload_bytes
                    if granted:
                        grants.append(granted)
                sent += len(frame.data)
                yield response(frame)

        with ScriptedServer(script) as server:
            (step,) = read_all(server, window_bytes=1)
        self.assertEqual(step.micro_batches[0].topk_ids().shape, (2 * MIB, 1))
        self.assertEqual(grants[0], MIB)
        self.assertGreater(len(grants), 2)
        self.assertEqual(grants, sorted(set(grants)))

    def test_a_closed_stream_ends_the_call(self):
        def script(first, requests, context):
            yield response(*whole_step(0))
            yield response(*whole_step(1)[:1])
            for _ in requests:  # until the client goes
                pass

        with ScriptedServer(script) as server:
            with client.PlanStream(server.address, "job", rank=0) as stream:
                self.assertEqual(next(iter(stream)).part.step, 0)
        self.assertEqual(len(server.openings), 1)


if __name__ == "__main__":
    unittest.main()
