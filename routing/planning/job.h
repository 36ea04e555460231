// JobDraft and JobSpec: everything a plan depends on, named. A plan is a pure function of (job digest, step,
// rank), so nothing outside these values may change a plan's bytes.
#ifndef GROUTER_ROUTING_PLANNING_JOB_H_
#define GROUTER_ROUTING_PLANNING_JOB_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "io/digest.h"
#include "routing/planning/topology.h"

namespace grouter {

// The newest planner of this library, which new drafts name. A version's plans never change a byte (pinned by
// tests/golden/planning): what makes other plans is a further version beside it (batch/planner_rules.h).
inline constexpr uint32_t kPlannerVersion = 2;
// Whether this library has that planner; a server without it refuses the job.
constexpr bool HasPlannerVersion(uint32_t version) { return version >= 1 && version <= kPlannerVersion; }

// A sample by its number in its table, which is an index into the job's tables.
struct SampleRef {
  uint32_t table = 0;
  uint64_t sample = 0;
};

enum class MissingRoutes : uint8_t { kRefuse = 0, kSkipMoe = 1 };

// One table of a blend: weight / (sum of weights) of every step's samples come from it.
struct TableUse {
  Digest table;         // content digest
  Digest sample_index;  // must equal the table's
  std::string split = "train";
  uint64_t weight = 1;  // > 0
  MissingRoutes missing_routes = MissingRoutes::kRefuse;
};

enum class DispatchProtocol : uint8_t {
  kOncePerRank = 0,    // a token's row goes once to each rank that needs it, with its local slots and weights
  kCopyPerExpert = 1,  // a row per expert, rows of a source sorted by slot
  kOncePerNode = 2,    // two hops through the rank of equal local index
};

enum class GateWeights : uint8_t { kStored = 0, kLive = 1 };

enum class AssignmentPolicy : uint8_t {
  kTransport = 0,   // exact capacities, least predicted time
  kAlgorithm1 = 1,  // the paper's: each sample to the node where most of its tokens have a local expert
  kInOrder = 2,     // samples dealt to ranks in order: what a trainer without a plan does
};

// Which samples meet in a step (batch/composition.h). The order then depends on the tables, the seed and
// these values, not on world, topology or placement.
struct BatchComposition {
  uint32_t window_samples = 0;  // inside which samples change places; a multiple of batch_samples
  uint32_t batch_samples = 0;   // that meet: samples_per_step, or what it was before the world changed
  uint32_t domain_slack = 0;  // samples of one domain that a batch may have more or fewer than by the shuffle
  uint64_t iterations = 0;    // swaps tried per window
};

struct BatchShape {
  uint32_t samples_per_step = 0;   // of the whole world
  uint32_t num_micro_batches = 1;  // M, the same for all ranks
  uint32_t num_chunks = 1;         // per micro-batch, the same for all ranks
  uint64_t num_steps = 0;          // 0: as many as one epoch of the blend's first table needs
  AssignmentPolicy assignment = AssignmentPolicy::kTransport;
  absl::optional<BatchComposition> composition;  // none: the uniform shuffle
};

// Sizes only; the trainer refuses a job whose shape is not its model's.
struct ModelShape {
  std::vector<uint32_t> layer_group_of_layer;  // [num MoE layers] -> layer group of the table
  uint32_t hidden_size = 0;
  uint32_t activation_bytes = 4;     // of one element of a dispatched row
  uint64_t expert_weight_bytes = 0;  // per stored expert
  uint64_t expert_gradient_bytes = 0;
  uint64_t expert_master_bytes = 0;  // fp32 copies, 0 when weights are fp32
  uint64_t expert_moment_bytes = 0;
  uint32_t row_alignment = 1;         // rows of a slot's GEMM are padded to a multiple
  bool recompute_experts = false;     // activations of the experts are made again in backward
  uint32_t num_slots_per_rank = 0;    // of one layer; 0: ceil(E / ep_size)
  uint32_t num_resident_experts = 0;  // stored experts a rank's device holds at once; 0: all
};

// After a change of world: this job goes on where another ended.
struct Continues {
  Digest job;
  uint64_t consumed_samples = 0;
};

struct JobDraft {
  uint32_t planner_version = kPlannerVersion;
  std::vector<TableUse> tables;
  Topology topology;
  uint32_t ep_size = 0;  // world_size % ep_size == 0
  BatchShape batch;
  uint64_t seed = 0;
  DispatchProtocol protocol = DispatchProtocol::kOncePerRank;
  GateWeights gate_weights = GateWeights::kStored;
  ModelShape model;
  bool allow_noncausal = false;
  bool allow_unverified_tokens = false;
  absl::optional<Continues> continues;

  // SHA-256 of the canonical encoding (docs/plan_format.md; golden bytes in tests/golden).
  Digest digest() const;
  // Slots of each rank of an EP group: model.num_slots_per_rank, or as few as hold all experts.
  std::vector<uint32_t> SlotsOfRanks(uint32_t num_experts) const;
  // All problems of the values alone at once, a fix each.
  absl::Status Validate() const;
  std::string Encode() const;
  static absl::StatusOr<JobDraft> Decode(absl::string_view bytes);
  // The form people write (`grouter place --job FILE`). Unknown fields are refused.
  static absl::StatusOr<JobDraft> FromJson(absl::string_view json, absl::string_view where);
  std::string ToJson() const;
};

struct JobSpec {
  JobDraft draft;
  Digest schedule;  // of the placement schedule, which names draft.digest()

  Digest digest() const;  // names the job
  std::string Encode() const;
  static absl::StatusOr<JobSpec> Decode(absl::string_view bytes);
  static absl::StatusOr<JobSpec> FromJson(absl::string_view json, absl::string_view where);
  std::string ToJson() const;
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_JOB_H_
