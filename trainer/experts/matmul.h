// Matrix products over plain buffers, by the tensor library.
#ifndef GROUTER_TRAINER_EXPERTS_MATMUL_H_
#define GROUTER_TRAINER_EXPERTS_MATMUL_H_

#include <cstdint>

#include "trainer/device/device.h"

namespace grouter {

// A row-major matrix somebody else owns; `transposed` reads it as its transpose, so rows x cols is the shape
// of the operand, not of the memory.
struct MatrixView {
  const float* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  bool transposed = false;
};

// Queues out [a.rows, b.cols] = a b, or += with `accumulate`. No allocation but the library's own.
// REQUIRES: a.cols == b.rows.
void MatMul(Device& device, const MatrixView& a, const MatrixView& b, float* out, bool accumulate = false);

// Threads of each product, process-wide; 0: as many as the machine has.
void SetNumMatMulThreads(uint32_t num_threads);

}  // namespace grouter

#endif  // GROUTER_TRAINER_EXPERTS_MATMUL_H_
