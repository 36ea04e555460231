#include "kernels/optimizer.h"

#include <gtest/gtest.h>

#include "tests/kernels/cuda/device.h"
#include "tests/kernels/numbers.h"

namespace grouter {
namespace {

TEST(CudaAdamW, IsTheCpuTwinsBits) {
  const DeviceKernels kernels;
  for (int64_t size : {0, 1, 33, 700}) {
    auto weight = RandomFloats(1, size), mean = RandomFloats(2, size), variance = RandomFloats(3, size);
    for (float& v : variance) v *= v;
    const auto gradient = RandomFloats(4, size);
    const DeviceArray<float> on_gradient(gradient), on_weight(weight), on_mean(mean), on_variance(variance);
    AdamWArgs args;
    args.size = size;
    args.learning_rate = 0.01f;
    args.weight_decay = 0.1f;
    args.gradient_scale = 0.3f;
    args.correction1 = 0.19f;
    args.correction2 = 0.0975f;
    AdamWArgs on_device = args;
    args.gradient = gradient.data();
    args.weight = weight.data();
    args.mean = mean.data();
    args.variance = variance.data();
    on_device.gradient = on_gradient.data();
    on_device.weight = on_weight.data();
    on_device.mean = on_mean.data();
    on_device.variance = on_variance.data();
    cpu::AdamW(args);
    kernels->AdamW(on_device);
    EXPECT_EQ(on_weight.values(), weight);
    EXPECT_EQ(on_mean.values(), mean);
    EXPECT_EQ(on_variance.values(), variance);
  }
}

TEST(CudaDecideUpdate, IsTheCpuTwinAndMasksAnUpdateThatIsNotFinite) {
  const DeviceKernels kernels;
  for (double squares : {0.25, 9.0, static_cast<double>(INFINITY), static_cast<double>(NAN)}) {
    UpdateDecision decision;
    decision.num_updates = 4;
    const double loss = 2;
    const DeviceArray<double> on_squares(std::vector<double>{squares}), on_loss(std::vector<double>{loss});
    const DeviceArray<UpdateDecision> on_decision({decision});
    const DecideUpdateArgs args = {1.0, 0.9, 0.95, &squares, &loss, &decision};
    cpu::DecideUpdate(args);
    kernels->DecideUpdate({1.0, 0.9, 0.95, on_squares.data(), on_loss.data(), on_decision.data()});
    const UpdateDecision ours = on_decision.values()[0];
    EXPECT_EQ(ours.applied, decision.applied);
    EXPECT_EQ(ours.num_updates, decision.num_updates);
    EXPECT_EQ(ours.gradient_scale, decision.gradient_scale);
    EXPECT_FLOAT_EQ(ours.correction1, decision.correction1);
    EXPECT_FLOAT_EQ(ours.correction2, decision.correction2);

    const DeviceArray<float> gradient({1, -2}), weight({3, 4}), mean({0, 0}), variance({0, 0});
    AdamWArgs adam;
    adam.size = 2;
    adam.learning_rate = 0.1f;
    adam.decision = on_decision.data();
    adam.gradient = gradient.data();
    adam.weight = weight.data();
    adam.mean = mean.data();
    adam.variance = variance.data();
    kernels->AdamW(adam);
    EXPECT_EQ(weight.values() != (std::vector<float>{3, 4}), decision.applied != 0);
  }
}

TEST(CudaSums, AddToWhatIsThereWithTheSameBitsOnEveryCall) {
  const DeviceKernels kernels;
  for (int64_t size : {0, 1, 33, 700, 5000}) {  // the last takes several blocks
    const auto x = RandomFloats(1, size, 100);
    auto y = RandomFloats(2, size);
    std::vector<double> sum = {1}, squares = {2};
    const DeviceArray<float> on_x(x), on_y(y);
    const DeviceArray<double> on_sum(sum), on_squares(squares), again(squares);
    cpu::Add(size, x.data(), y.data());
    cpu::AddSum(size, x.data(), sum.data());
    cpu::AddSumOfSquares(size, x.data(), squares.data());
    kernels->Add(size, on_x.data(), on_y.data());
    kernels->AddSum(size, on_x.data(), on_sum.data());
    kernels->AddSumOfSquares(size, on_x.data(), on_squares.data());
    kernels->AddSumOfSquares(size, on_x.data(), again.data());
    EXPECT_EQ(on_y.values(), y);
    EXPECT_NEAR(on_sum.values()[0], sum[0], 1e-9 * (1 + std::abs(sum[0])));
    EXPECT_NEAR(on_squares.values()[0], squares[0], 1e-12 * squares[0]);
    EXPECT_EQ(on_squares.values(), again.values());
  }
}

}  // namespace
}  // namespace grouter
