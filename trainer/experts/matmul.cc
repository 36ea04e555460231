#include "trainer/experts/matmul.h"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/mm.h>
#include <c10/core/InferenceMode.h>

#include "io/error.h"

namespace grouter {
namespace {

at::Tensor Wrap(const float* data, int64_t rows, int64_t cols) {
  return at::from_blob(const_cast<float*>(data), {rows, cols}, at::TensorOptions().dtype(at::kFloat));
}

at::Tensor Operand(const MatrixView& view) {
  return view.transposed ? Wrap(view.data, view.cols, view.rows).t() : Wrap(view.data, view.rows, view.cols);
}

}  // namespace

void MatMul(const MatrixView& a, const MatrixView& b, float* out, bool accumulate) {
  GROUTER_CHECK(a.cols == b.rows);
  if (a.rows == 0 || b.cols == 0) return;
  const c10::InferenceMode no_autograd;
  at::Tensor result = Wrap(out, a.rows, b.cols);
  if (a.cols == 0) {
    if (!accumulate) result.zero_();
    return;
  }
  if (accumulate) {
    at::addmm_out(result, result, Operand(a), Operand(b));
  } else {
    at::mm_out(result, Operand(a), Operand(b));
  }
}

void SetNumMatMulThreads(uint32_t num_threads) {
  if (num_threads != 0) at::set_num_threads(static_cast<int>(num_threads));
}

}  // namespace grouter
