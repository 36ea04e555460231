// Rates of the CPU kernels on one core, each beside LibTorch's operation for the same result and a memcpy
// that moves as many bytes. Verifies each result against LibTorch's before it measures.
//
//   kernel_rate [--rounds N] [--tokens T]     one JSON object a line: kernel, case, ours, torch, memcpy in
//   GB/s
//
// A kernel's bytes are those it must read and write once.
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/add.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_add.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/neg.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/topk.h>
#include <c10/core/InferenceMode.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "io/random.h"
#include "kernels/kernels.h"

namespace grouter {
namespace {

constexpr int64_t kWidth = 2048, kInner = 768, kExperts = 128, kChoices = 8, kClasses = 8192;

std::vector<float> Numbers(uint64_t seed, int64_t size) {
  Random random(seed);
  std::vector<float> numbers(size);
  for (float& number : numbers) number = static_cast<float>(2 * random.Uniform() - 1);
  return numbers;
}

at::Tensor View(std::vector<float>& values, int64_t rows) {
  return at::from_blob(values.data(), {rows, static_cast<int64_t>(values.size()) / rows}, at::kFloat);
}

double Seconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

struct Subject {
  std::string kernel, shape;
  double bytes;
  std::function<void()> ours;
  std::function<at::Tensor()> torch;
  std::vector<float>* result;  // ours, to be compared with torch's
};

// Ours, torch and memcpy in turn, `rounds` times.
int Measure(const Subject& subject, int rounds, std::vector<char>* from, std::vector<char>* to) {
  subject.ours();
  const at::Tensor expected = subject.torch().contiguous();
  if (expected.numel() != static_cast<int64_t>(subject.result->size())) {
    std::fprintf(stderr, "%s: another number of results\n", subject.kernel.c_str());
    return 3;
  }
  for (int64_t i = 0; i < expected.numel(); ++i) {
    const float theirs = expected.data_ptr<float>()[i], mine = (*subject.result)[i];
    if (!(std::fabs(theirs - mine) <= 1e-4f * (1 + std::fabs(theirs)))) {
      std::fprintf(stderr, "%s: %g, torch has %g at %lld\n", subject.kernel.c_str(), mine, theirs,
                   static_cast<long long>(i));
      return 3;
    }
  }
  const size_t half = std::min<size_t>(from->size(), static_cast<size_t>(subject.bytes / 2));
  for (int round = 0; round < rounds; ++round) {
    const double ours = Seconds(subject.ours);
    const double torch = Seconds([&] { subject.torch(); });
    const double copy = Seconds([&] { std::memcpy(to->data(), from->data(), half); });
    std::printf("{\"kernel\": \"%s\", \"case\": \"%s\", \"ours\": %.4f, \"torch\": %.4f, \"memcpy\": %.4f}\n",
                subject.kernel.c_str(), subject.shape.c_str(), subject.bytes / ours / 1e9,
                subject.bytes / torch / 1e9, 2.0 * static_cast<double>(half) / copy / 1e9);
  }
  return 0;
}

int Main(int argc, char** argv) {
  int rounds = 9;
  int64_t tokens = 4096;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--rounds") == 0) rounds = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--tokens") == 0) tokens = std::atoll(argv[i + 1]);
  }
  at::set_num_threads(1);
  const c10::InferenceMode no_autograd;
  const Kernels& kernels = CpuKernels();
  Random random(1);
  std::vector<int32_t> index;
  std::vector<int64_t> wide;
  for (int64_t i = 0; i < 2 * tokens; ++i) {
    index.push_back(static_cast<int32_t>(random.Below(tokens)));
    wide.push_back(index.back());
  }
  const at::Tensor torch_index = at::from_blob(wide.data(), {2 * tokens}, at::kLong);
  std::vector<float> x = Numbers(2, tokens * kWidth), rows = Numbers(3, 2 * tokens * kWidth);
  std::vector<float> gain = Numbers(4, kWidth), scores = Numbers(5, tokens * kExperts);
  std::vector<float> gate_up = Numbers(6, tokens * 2 * kInner), zeros(x.size(), 0.0f);
  const int64_t loss_rows = tokens / 8;
  std::vector<float> logits = Numbers(7, loss_rows * kClasses);
  std::vector<int32_t> labels(loss_rows, 3);
  std::vector<float> gathered(rows.size()), added(x.size()), normed(x.size()), inverse(tokens);
  std::vector<float> activated(tokens * kInner), losses(loss_rows), chosen(tokens * kChoices);
  std::vector<int32_t> ids(tokens * kChoices);
  const double row_bytes = 4.0 * kWidth;
  const std::string width = " rows of " + std::to_string(kWidth);
  const std::vector<Subject> subjects = {
      {"gather_rows", std::to_string(2 * tokens) + width, 2.0 * 2 * tokens * row_bytes,
       [&] {
         kernels.GatherRows({2 * tokens, kWidth, kWidth, kWidth, index.data(), x.data(), gathered.data()});
       },
       [&] { return at::index_select(View(x, tokens), 0, torch_index); }, &gathered},
      {"scatter_add_rows", std::to_string(2 * tokens) + width, (2.0 * 2 * tokens + tokens) * row_bytes,
       [&] {
         std::memset(added.data(), 0, added.size() * sizeof(float));
         kernels.ScatterAddRows(
             {2 * tokens, kWidth, kWidth, kWidth, index.data(), nullptr, rows.data(), added.data()});
       },
       [&] { return at::index_add(View(zeros, tokens), 0, torch_index, View(rows, 2 * tokens)); }, &added},
      {"rms_norm", std::to_string(tokens) + width, 2.0 * tokens * row_bytes,
       [&] {
         kernels.RmsNorm({tokens, kWidth, 1e-6f, x.data(), gain.data(), normed.data(), inverse.data()});
       },
       [&] {
         const at::Tensor in = View(x, tokens);
         return at::mul(at::mul(in, at::rsqrt(at::add(at::mean(at::mul(in, in), 1, true), 1e-6))),
                        View(gain, 1));
       },
       &normed},
      {"swiglu", std::to_string(tokens) + " rows of 2 x " + std::to_string(kInner), 3.0 * 4 * tokens * kInner,
       [&] {
         kernels.Swiglu({tokens, kInner, gate_up.data(), activated.data()});
       },
       [&] {
         const at::Tensor in = View(gate_up, tokens);
         return at::mul(at::silu(in.slice(1, 0, kInner)), in.slice(1, kInner, 2 * kInner));
       },
       &activated},
      {"select_topk", std::to_string(tokens) + " tokens, 8 of 128", 4.0 * tokens * (kExperts + kChoices),
       [&] {
         kernels.SelectTopk({tokens, kExperts, kChoices, scores.data(), nullptr, ids.data()});
         for (int64_t i = 0; i < tokens * kChoices; ++i) chosen[i] = scores[i / kChoices * kExperts + ids[i]];
       },
       [&] { return std::get<0>(at::topk(View(scores, tokens), kChoices, 1, true, true)); }, &chosen},
      {"cross_entropy", std::to_string(loss_rows) + " rows of " + std::to_string(kClasses),
       4.0 * loss_rows * kClasses,
       [&] {
         CrossEntropyArgs args;
         args.num_rows = loss_rows;
         args.num_classes = kClasses;
         args.labels = labels.data();
         args.want_gradient = false;
         args.logits = logits.data();
         args.losses = losses.data();
         kernels.CrossEntropy(args);
       },
       [&] { return at::neg(at::log_softmax(View(logits, loss_rows), 1).select(1, 3)); }, &losses},
  };
  std::vector<char> from(256 << 20, 1), to(from.size(), 2);
  for (const Subject& subject : subjects) {
    if (const int status = Measure(subject, rounds, &from, &to); status != 0) return status;
  }
  return 0;
}

}  // namespace
}  // namespace grouter

int main(int argc, char** argv) { return grouter::Main(argc, argv); }
