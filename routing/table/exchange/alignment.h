// Do routes belong to these tokens, position by position? Captured routes are often off by one (the last
// token was never fed), padded, or sliced for context parallelism; each looks like routes until a model
// trains on them. Pure functions.
//
// A token's experts depend mostly on the token. So over the right positions, two occurrences of a token share
// more experts than over any wrong ones: the agreement is the mean share of experts that two occurrences of
// the same token have in common.
#ifndef GROUTER_ROUTING_TABLE_EXCHANGE_ALIGNMENT_H_
#define GROUTER_ROUTING_TABLE_EXCHANGE_ALIGNMENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "routing/table/routing_table.h"

namespace grouter {

// One sample: its tokens, and routes that may be of another length. Views of the caller's memory.
struct AlignmentSample {
  absl::Span<const uint32_t> tokens;
  RouteView routes;
};

enum class Alignment {
  kAligned,
  kShifted,  // route r is that of token r + offset
  kPadded,   // routes have `padding` more rows than tokens, at the end (offset 0) or start (offset < 0)
  kContextParallel,  // routes are the two slices of rank `cp_rank` of `cp_size` (Megatron's zigzag split)
  kUnknown,          // nothing agrees clearly better than chance
};

struct AlignmentReport {
  Alignment verdict = Alignment::kUnknown;
  int64_t offset = 0;
  uint64_t padding = 0;
  uint32_t cp_size = 1, cp_rank = 0;
  double agreement = 0;  // under the verdict, 0..1
  double aligned = 0;    // if route r were that of token r
  double chance = 0;     // under positions that are surely wrong
  std::string words;     // one sentence, and what to do
};

struct AlignmentOptions {
  int32_t max_shift = 4;          // tokens, both ways
  uint32_t max_cp = 8;            // context-parallel sizes 2, 4, ... up to this
  uint64_t max_tokens = 1 << 20;  // looked at, from the first samples
};

// Needs repeated tokens; a few thousand tokens of text suffice. Order of samples does not matter.
AlignmentReport CheckAlignment(absl::Span<const AlignmentSample> samples,
                               const AlignmentOptions& options = {});

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_EXCHANGE_ALIGNMENT_H_
