// Jobs to measure streams with: every rank has one sample a step, so that a plan has a known size.
#ifndef GROUTER_TESTS_BENCH_STREAM_STREAM_JOB_H_
#define GROUTER_TESTS_BENCH_STREAM_STREAM_JOB_H_

#include <cstdint>

#include "tests/testing/serving/served_job.h"

namespace grouter {

struct StreamJobOptions {
  uint32_t num_ranks = 1;
  uint64_t payload_bytes = 1 << 20;  // of one micro-batch, about
  uint64_t num_steps = 16;
  // At least so much; 0: two steps' worth. Of a large table only what the job reads is written, the rest are
  // holes: opening, mapping and finding samples see its full size.
  uint64_t table_bytes = 0;
};

// Ids of one byte and float weights, k 8: 40 bytes a token.
testing::ServedJob MakeStreamJob(const StreamJobOptions& options);

}  // namespace grouter

#endif  // GROUTER_TESTS_BENCH_STREAM_STREAM_JOB_H_
