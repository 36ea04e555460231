// Random numbers and slow, obvious derivatives for kernel tests.
#ifndef GROUTER_TESTS_KERNELS_NUMBERS_H_
#define GROUTER_TESTS_KERNELS_NUMBERS_H_

#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

#include "io/random.h"

namespace grouter {

inline std::vector<float> RandomFloats(uint64_t seed, size_t count, float scale = 1) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(2 * random.Uniform() - 1) * scale;
  return values;
}

inline std::vector<double> Doubles(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

// Central differences of `f` at `at`.
inline std::vector<double> Derivative(const std::function<double(const std::vector<double>&)>& f,
                                      std::vector<double> at) {
  std::vector<double> derivative(at.size());
  for (size_t i = 0; i < at.size(); ++i) {
    const double x = at[i];
    at[i] = x + 1e-5;
    const double above = f(at);
    at[i] = x - 1e-5;
    derivative[i] = (above - f(at)) / 2e-5;
    at[i] = x;
  }
  return derivative;
}

}  // namespace grouter

#endif  // GROUTER_TESTS_KERNELS_NUMBERS_H_
