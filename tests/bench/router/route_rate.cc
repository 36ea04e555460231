// route_rate HIDDEN BLOCKS MLP EXPERTS K LENGTH SAMPLES THREADS: how fast a router network routes samples.
// Routes are compared with those of one thread before anything is timed. Prints one JSON line: tokens, wall
// and processor seconds.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <thread>
#include <vector>

#include "io/random.h"
#include "routing/network/router.h"
#include "routing/network/router_network.h"

namespace {

using grouter::SampleRoutes;
using grouter::SampleTokens;

std::vector<SampleTokens> RandomSamples(size_t count, size_t length, uint32_t vocab_size) {
  grouter::Random random(1);
  std::vector<SampleTokens> samples(count);
  for (SampleTokens& sample : samples) {
    sample.document_starts = {0};
    for (size_t t = 0; t < length; ++t)
      sample.tokens.push_back(static_cast<uint32_t>(random.Below(vocab_size)));
  }
  return samples;
}

std::vector<SampleRoutes> RouteAll(const grouter::RouterNetwork& network,
                                   const std::vector<SampleTokens>& samples, size_t num_threads) {
  std::vector<SampleRoutes> routes(samples.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < num_threads; ++i) {
    threads.emplace_back([&, i] {
      for (size_t s = i; s < samples.size(); s += num_threads) routes[s] = network.Route(samples[s]).value();
    });
  }
  for (std::thread& thread : threads) thread.join();
  return routes;
}

double ProcessorSeconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 9) {
    std::fprintf(stderr, "usage: route_rate HIDDEN BLOCKS MLP EXPERTS K LENGTH SAMPLES THREADS\n");
    return 2;
  }
  const auto number = [&](int i) { return static_cast<uint32_t>(std::strtoul(argv[i], nullptr, 10)); };
  grouter::RouterSpec spec;
  spec.shape.vocab_size = 8192;
  spec.shape.num_heads = 4;
  spec.shape.hidden_size = number(1);
  spec.shape.num_blocks = number(2);
  spec.shape.mlp_size = number(3);
  spec.shape.num_experts = number(4);
  spec.gate.k = number(5);
  if (const absl::Status valid = spec.Validate(); !valid.ok()) {
    std::fprintf(stderr, "%s\n", valid.ToString().c_str());
    return 2;
  }
  const grouter::RouterNetwork network(grouter::RandomRouter(spec, 1));
  const auto samples = RandomSamples(number(7), number(6), spec.shape.vocab_size);
  const auto wanted = RouteAll(network, samples, 1);
  const auto begin = std::chrono::steady_clock::now();
  const double processor = ProcessorSeconds();
  const auto routes = RouteAll(network, samples, number(8));
  const double processor_seconds = ProcessorSeconds() - processor;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  for (size_t s = 0; s < samples.size(); ++s) {
    if (routes[s].ids != wanted[s].ids || routes[s].weights != wanted[s].weights) {
      std::fprintf(stderr, "sample %zu has other routes than from one thread\n", s);
      return 1;
    }
  }
  std::printf("{\"tokens\": %zu, \"seconds\": %.4f, \"processor_seconds\": %.4f}\n",
              samples.size() * number(6), seconds, processor_seconds);
  return 0;
}
