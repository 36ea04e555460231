"""Rollout batches to the real server and back, whole and in slices."""

import unittest

import grpc
import numpy as np

from tests.client.python import served_plans

client = served_plans.import_client()

NUM_EXPERTS = 300  # ids need two bytes
LAYERS, K = 4, 3


def rollout(seed, lengths):
    """Different experts within each token, as a router chooses them."""
    random = np.random.default_rng(seed)
    scores = [random.random((length, LAYERS, NUM_EXPERTS)) for length in lengths]
    return [np.argsort(-score, axis=-1)[..., :K].astype(np.int32) for score in scores]


class ReplayTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.job = cls.enterClassContext(served_plans.ServedJob())

    def seal(self, batch, routes, **options):
        return client.ingest(self.job.owner_address, "py", batch, routes, NUM_EXPERTS, **options)

    def slice(self, batch, **options):
        return client.get_slice(self.job.owner_address, "py", batch, **options)

    def test_a_batch_comes_back_as_it_was(self):
        routes = rollout(1, [7, 1, 20])
        sealed = self.seal(1, routes)
        self.assertEqual((sealed.num_samples, sealed.num_tokens), (3, 28))
        piece = self.slice(1, table_digest=sealed.table_digest)
        self.assertEqual(piece.samples, [0, 1, 2])
        for i, expected in enumerate(routes):
            np.testing.assert_array_equal(piece.routed_experts(i), expected)

    def test_a_long_sample_takes_several_messages(self):
        routes = rollout(2, [40000])
        self.seal(2, routes)
        np.testing.assert_array_equal(self.slice(2).routed_experts(0), routes[0])

    def test_tokens_without_routes_are_minus_one(self):
        routes = rollout(3, [5])
        routes[0][2] = -1
        self.seal(3, routes, lengths=[6])
        back = self.slice(3).routed_experts(0)
        np.testing.assert_array_equal(back[:5], routes[0])
        np.testing.assert_array_equal(back[5], np.full((LAYERS, K), -1))

    def test_a_token_may_have_fewer_experts(self):
        routes = rollout(4, [5])
        routes[0][1, 2, 1:] = -1
        self.seal(4, routes, per_token_k=True)
        np.testing.assert_array_equal(self.slice(4).routed_experts(0), routes[0])

    def test_each_rank_gets_its_samples_tokens_and_layers(self):
        routes = rollout(5, [8, 16, 24, 32])
        self.seal(5, routes)
        for data in range(2):
            for context in range(2):
                piece = self.slice(
                    5, data_parallel=(data, 2), context_parallel=(context, 2), layer_groups=(1, 2)
                )
                self.assertEqual(piece.samples, [2 * data, 2 * data + 1])
                for i, sample in enumerate(piece.samples):
                    quarters = np.split(routes[sample], 4)
                    expected = np.concatenate([quarters[context], quarters[3 - context]])[:, 1:3]
                    np.testing.assert_array_equal(piece.routed_experts(i), expected)

    def test_padding_has_no_route(self):
        routes = rollout(6, [9])
        self.seal(6, routes)
        back = self.slice(6, context_parallel=(0, 2)).routed_experts(0)  # 12 tokens, pieces of 3: 0 and 3
        self.assertEqual(len(back), 6)
        np.testing.assert_array_equal(back[:3], routes[0][:3])
        self.assertTrue((back[3:] == -1).all())

    def test_a_batch_that_never_comes_is_not_found(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.slice(99, wait_s=0)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)


if __name__ == "__main__":
    unittest.main()
