#include "trainer/experts/expert_compute.h"

#include "trainer/experts/matmul.h"

namespace grouter {

void ForwardExpert(Device& device, const ExpertPage& page, const ExpertForwardArgs& args) {
  if (args.num_rows == 0) return;
  const int64_t d = args.shape.hidden_size;
  const int64_t f = args.shape.intermediate_size;
  const float* down = page.weights + args.shape.gate_up_size();
  MatMul(device, {args.x, args.num_rows, d}, {page.weights, d, 2 * f, true}, args.gate_up);
  device.kernels().Swiglu({args.num_rows, f, args.gate_up, args.a});
  MatMul(device, {args.a, args.num_rows, f}, {down, f, d, true}, args.y);
}

void BackwardExpert(Device& device, const ExpertPage& page, const ExpertBackwardArgs& args) {
  if (args.num_rows == 0) return;
  const int64_t d = args.shape.hidden_size;
  const int64_t f = args.shape.intermediate_size;
  const float* down = page.weights + args.shape.gate_up_size();
  float* ddown = page.gradients + args.shape.gate_up_size();
  MatMul(device, {args.dy, args.num_rows, d}, {down, d, f}, args.da);
  SwigluBackwardArgs swiglu;
  swiglu.num_rows = args.num_rows;
  swiglu.width = f;
  swiglu.gate_up = args.gate_up;
  swiglu.da = args.da;
  swiglu.weight = args.weight;
  swiglu.weighted_a = args.weighted_a;
  swiglu.dgate_up = args.dgate_up;
  swiglu.dweight = args.dweight;
  device.kernels().SwigluBackward(swiglu);
  MatMul(device, {args.dy, d, args.num_rows, true}, {args.weighted_a, args.num_rows, f}, ddown, true);
  MatMul(device, {args.dgate_up, 2 * f, args.num_rows, true}, {args.x, args.num_rows, d}, page.gradients,
         true);
  MatMul(device, {args.dgate_up, args.num_rows, 2 * f}, {page.weights, 2 * f, d}, args.dx);
}

}  // namespace grouter
