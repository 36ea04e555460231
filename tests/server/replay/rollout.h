// A made rollout: ids that tell where they belong, as an inference engine would return them.
#ifndef GROUTER_TESTS_SERVER_REPLAY_ROLLOUT_H_
#define GROUTER_TESTS_SERVER_REPLAY_ROLLOUT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "grouter/v1/replay_service.pb.h"

namespace grouter {
namespace testing {

struct Rollout {
  uint32_t num_experts = 64;
  uint32_t k = 2;
  uint32_t num_layer_groups = 3;
  bool has_weights = false;
  std::vector<uint32_t> lengths = {5, 9, 1};
  uint32_t salt = 0;

  // Expert of (sample, token, layer group, rank): different within a token.
  uint32_t Id(uint32_t sample, uint32_t token, uint32_t group, uint32_t rank) const {
    return (salt + 17 * sample + 5 * token + 3 * group + rank) % num_experts;
  }
  float Weight(uint32_t token, uint32_t rank) const { return 1.0f / (1 + token + rank); }

  v1::IngestOpen Open(const std::string& series, uint64_t batch) const {
    v1::IngestOpen open;
    open.set_series(series);
    open.set_batch(batch);
    v1::ReplayShape* shape = open.mutable_shape();
    shape->set_num_experts(num_experts);
    shape->set_k(k);
    shape->set_num_layer_groups(num_layer_groups);
    shape->set_has_weights(has_weights);
    shape->set_ids(v1::CAPTURED_IDS_INT32);
    for (const uint32_t length : lengths) shape->add_lengths(length);
    return open;
  }
  // Routes of tokens [first, end) of a sample.
  v1::CapturedRoutes Routes(uint32_t sample, uint32_t first, uint32_t end) const {
    v1::CapturedRoutes routes;
    routes.set_sample(sample);
    routes.set_first_token(first);
    routes.set_num_tokens(end - first);
    for (uint32_t t = first; t < end; ++t) {
      for (uint32_t g = 0; g < num_layer_groups; ++g) {
        for (uint32_t i = 0; i < k; ++i) {
          const auto id = static_cast<int32_t>(Id(sample, t, g, i));
          routes.mutable_ids()->append(reinterpret_cast<const char*>(&id), sizeof(id));
          const float weight = Weight(t, i);
          if (has_weights) {
            routes.mutable_weights()->append(reinterpret_cast<const char*>(&weight), sizeof(weight));
          }
        }
      }
    }
    return routes;
  }
};

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_SERVER_REPLAY_ROLLOUT_H_
