#include "trainer/experts/matmul.h"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/mm.h>
#include <c10/core/InferenceMode.h>

#include "io/error.h"
#include "trainer/device/tensors.h"

namespace grouter {
namespace {

at::Tensor Wrap(const Device& device, const float* data, int64_t rows, int64_t cols) {
  return at::from_blob(const_cast<float*>(data), {rows, cols}, FloatTensors(device));
}

at::Tensor Operand(const Device& device, const MatrixView& view) {
  return view.transposed ? Wrap(device, view.data, view.cols, view.rows).t()
                         : Wrap(device, view.data, view.rows, view.cols);
}

}  // namespace

void MatMul(Device& device, const MatrixView& a, const MatrixView& b, float* out, bool accumulate) {
  GROUTER_CHECK(a.cols == b.rows);
  if (a.rows == 0 || b.cols == 0) return;
  const c10::InferenceMode no_autograd;
  const DeviceScope scope(device);
  at::Tensor result = Wrap(device, out, a.rows, b.cols);
  if (a.cols == 0) {
    if (!accumulate) result.zero_();
    return;
  }
  if (accumulate) {
    at::addmm_out(result, result, Operand(device, a), Operand(device, b));
  } else {
    at::mm_out(result, Operand(device, a), Operand(device, b));
  }
}

void SetNumMatMulThreads(uint32_t num_threads) {
  if (num_threads != 0) at::set_num_threads(static_cast<int>(num_threads));
}

}  // namespace grouter
