"""Payloads written by hand, field by field, come back as the client's dataclasses."""

import struct
import sys
import unittest

import numpy as np

# The decoder alone: the package would want gRPC's stubs.
sys.path.insert(0, "client/python/grouter_client")

import decode  # noqa: E402
from tests.client.python import made_plans  # noqa: E402


def two_samples_of_two_groups():
    """Samples of 3 and 2 tokens; group 0 has all planes and two-byte ids, group 4 ids alone."""
    samples = [made_plans.sample_bytes(11, 100, 3), made_plans.sample_bytes(12, 0, 2)]
    rich = made_plans.view_bytes(k=2, id_width=2, weight_type=1, planes=3, first_bit=6)
    chunk = made_plans.chunk_bytes(0, 5, [4, 6], [5, 5], [1, 2, 2, 3, 0, 2], [(8, 1, 3), (9, 2, 4)])
    groups = [
        made_plans.group_bytes(0, [rich, rich], [chunk]),
        made_plans.group_bytes(4, [made_plans.view_bytes(k=1)] * 2),
    ]
    planes = struct.pack("<6H", 300, 1, 2, 3, 4, 5) + struct.pack("<6f", 0.5, 0.5, 1, 0, 0.25, 0.75)
    planes += bytes([2, 1, 2]) + bytes([0b11000000, 0b1])  # 6 + 3 bits
    planes += struct.pack("<4H", 6, 7, 8, 9) + struct.pack("<4f", 1, 2, 3, 4) + bytes([2, 2]) + bytes([0])
    planes += bytes([31, 32, 33]) + bytes([41, 42])
    return made_plans.micro_batch_bytes(samples, groups, planes, step=9, micro_batch=2, num_tokens=5)


class StepPartTest(unittest.TestCase):
    def test_every_field_of_a_step_comes_back(self):
        part = decode.decode_step(made_plans.step_bytes(step=17, num_steps=50, digest=bytes(range(32))))
        self.assertEqual(
            part,
            decode.StepPart(
                step=17,
                num_steps=50,
                placement_epoch=3,
                first_sample_position=40,
                num_samples=4,
                sample_list_digest=bytes(range(32)).hex(),
                num_loss_tokens=90,
                num_tokens=100,
            ),
        )

    def test_a_payload_of_another_kind_is_refused(self):
        with self.assertRaisesRegex(ValueError, "not a plan payload of this kind"):
            decode.decode_step(made_plans.one_sample([1]))
        with self.assertRaisesRegex(ValueError, "not a plan payload of this kind"):
            decode.decode_micro_batch(made_plans.step_bytes())

    def test_another_version_is_refused_by_its_number(self):
        with self.assertRaisesRegex(ValueError, "plan format 2; this client reads 1"):
            decode.decode_step(made_plans.step_bytes(version=2))
        with self.assertRaisesRegex(ValueError, "plan format 3; this client reads 1"):
            decode.decode_micro_batch(made_plans.micro_batch_bytes([], [], b"", version=3))


class ChecksumTest(unittest.TestCase):
    def test_is_rfc_3720s_at_any_length(self):
        self.assertEqual(decode.Checksum.of(b"123456789"), 0xE3069283)
        data = np.random.default_rng(5).bytes(5000)
        for size in (0, 1, 3, 127, 128, 129, 1000, 4096, 5000):
            self.assertEqual(decode.Checksum.of(data[:size]), made_plans.crc32c(data[:size]), size)


class MicroBatchTest(unittest.TestCase):
    def setUp(self):
        self.payload = two_samples_of_two_groups()
        self.plan = decode.decode_micro_batch(self.payload)

    def test_the_key_the_samples_and_the_certificate_come_back(self):
        plan = self.plan
        self.assertEqual((plan.step, plan.rank, plan.micro_batch, plan.num_tokens), (9, 1, 2, 5))
        self.assertEqual(
            plan.samples,
            [
                decode.PlannedSample(7, 11, 100, 3, 2, 0xC0FFEE),
                decode.PlannedSample(7, 12, 0, 2, 1, 0xC0FFEE),
            ],
        )
        self.assertEqual((plan.num_pairs_sent, plan.num_pairs_received), (20, 22))

    def test_planes_are_read_in_their_order(self):
        self.assertEqual([group.layer_group for group in self.plan.layer_groups], [0, 4])
        first, second = self.plan.layer_groups[0].routes
        self.assertEqual(first.topk_ids.tolist(), [[300, 1], [2, 3], [4, 5]])
        self.assertEqual(first.topk_weights.tolist(), [[0.5, 0.5], [1, 0], [0.25, 0.75]])
        self.assertEqual(first.num_topk.tolist(), [2, 1, 2])
        self.assertEqual((first.first_bit, first.missing.tolist()), (6, [0b11000000, 1]))
        self.assertEqual(second.topk_ids.tolist(), [[6, 7], [8, 9]])
        self.assertEqual(second.topk_weights.tolist(), [[1, 2], [3, 4]])
        self.assertEqual(second.missing.tolist(), [0])

    def test_planes_that_are_not_there_are_none(self):
        route = self.plan.layer_groups[1].routes[0]
        self.assertEqual(route.topk_ids.dtype, np.uint8)
        self.assertIsNone(route.topk_weights)
        self.assertIsNone(route.num_topk)
        self.assertIsNone(route.missing)

    def test_ids_of_a_micro_batch_follow_each_other_sample_by_sample(self):
        self.assertEqual(self.plan.topk_ids(0).tolist(), [[300, 1], [2, 3], [4, 5], [6, 7], [8, 9]])
        self.assertEqual(self.plan.topk_ids(1).tolist(), [[31], [32], [33], [41], [42]])

    def test_a_chunk_has_its_splits_and_counts_by_source_and_slot(self):
        (chunk,) = self.plan.layer_groups[0].chunks
        self.assertEqual((chunk.first_token, chunk.num_tokens), (0, 5))
        self.assertEqual((chunk.send_splits.tolist(), chunk.recv_splits.tolist()), ([4, 6], [5, 5]))
        self.assertEqual(chunk.forward_send_splits.tolist(), [6, 4])
        self.assertEqual(chunk.recv_counts.tolist(), [[1, 2, 2], [3, 0, 2]])
        self.assertEqual(chunk.num_tokens_per_expert.tolist(), [4, 2, 4])
        self.assertEqual(chunk.quotas.tolist(), [[8, 1, 3], [9, 2, 4]])
        self.assertEqual((chunk.aligned_rows, chunk.peak_bytes), (64, 4096))

    def test_arrays_are_read_only_views_of_the_payload(self):
        payload = np.frombuffer(self.payload, np.uint8)
        for group in self.plan.layer_groups:
            for route in group.routes:
                self.assertTrue(np.shares_memory(route.topk_ids, payload))
                self.assertFalse(route.topk_ids.flags.writeable)

    def test_one_sample_is_not_copied(self):
        payload = made_plans.one_sample([3, 1, 2])
        ids = decode.decode_micro_batch(payload).topk_ids()
        self.assertEqual(ids.tolist(), [[3], [1], [2]])
        self.assertTrue(np.shares_memory(ids, np.frombuffer(payload, np.uint8)))

    def test_weight_types_keep_their_width(self):
        for weight_type, raw, expected in ((2, b"\x80\x3f", 0x3F80), (3, b"\x00\x3c", 1.0)):
            group = made_plans.group_bytes(0, [made_plans.view_bytes(k=1, weight_type=weight_type)])
            payload = made_plans.micro_batch_bytes([made_plans.sample_bytes(1, 0, 1)], [group], b"\x05" + raw)
            route = decode.decode_micro_batch(payload).layer_groups[0].routes[0]
            self.assertEqual(route.topk_weights.tolist(), [[expected]])

    def test_a_micro_batch_without_samples_has_no_ids(self):
        plan = decode.decode_micro_batch(
            made_plans.micro_batch_bytes([], [made_plans.group_bytes(0, [])], b"")
        )
        self.assertEqual(plan.topk_ids().shape, (0, 0))

    def test_a_payload_cut_anywhere_is_an_error(self):
        for cut in range(len(self.payload)):
            with self.assertRaises((ValueError, struct.error), msg=f"cut at {cut}"):
                decode.decode_micro_batch(self.payload[:cut])

    def test_a_changed_route_is_an_error_unless_routes_are_not_checked(self):
        for at in (1, 20, 40, 60):
            changed = bytearray(self.payload)
            changed[-at] ^= 1
            with self.assertRaisesRegex(
                ValueError, "the routes are not those of the plan", msg=f"byte -{at}"
            ):
                decode.decode_micro_batch(bytes(changed))
            decode.decode_micro_batch(bytes(changed), check_routes=False)

    def test_bytes_after_the_end_are_an_error(self):
        with self.assertRaisesRegex(ValueError, "2 bytes after the plan's end"):
            decode.decode_micro_batch(self.payload + b"xx")


if __name__ == "__main__":
    unittest.main()
