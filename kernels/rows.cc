#include "kernels/rows.h"

#include <cstring>

#include "kernels/vector_math.h"

namespace grouter::cpu {

void GatherRows(const GatherRowsArgs& args) {
  const size_t row_bytes = static_cast<size_t>(args.width) * sizeof(float);
  for (int64_t i = 0; i < args.num_rows; ++i) {
    std::memcpy(args.out + i * args.out_stride, args.in + args.index[i] * args.in_stride, row_bytes);
  }
}

GROUTER_VECTORIZED void ScatterAddRows(const ScatterAddRowsArgs& args) {
  for (int64_t i = 0; i < args.num_rows; ++i) {
    const float scale = args.scale == nullptr ? 1.0f : args.scale[i];
    const float* in = args.in + i * args.in_stride;
    float* __restrict__ out = args.out + args.index[i] * args.out_stride;
    for (int64_t j = 0; j < args.width; ++j) out[j] += scale * in[j];
  }
}

}  // namespace grouter::cpu
