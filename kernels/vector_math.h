// Loops that GCC and clang turn into vector code without -ffast-math: a branch-free exp and sums in a fixed
// number of lanes. Bits depend on the input alone: products and sums are never contracted or reordered.
#ifndef GROUTER_KERNELS_VECTOR_MATH_H_
#define GROUTER_KERNELS_VECTOR_MATH_H_

#include <cstdint>
#include <cstring>

// Compiles a function for several instruction sets; the loader picks one. Not under sanitizers, whose
// runtimes start after the loader has asked.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define GROUTER_VECTORIZED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define GROUTER_VECTORIZED
#endif

namespace grouter {

inline constexpr int kLanes = 16;

// e^x within 2 ulp for x in [-87, 88]; 0 below, clamped above. Cephes' polynomial.
__attribute__((always_inline)) inline float FastExp(float x) {
  const float clamped = x > 88.0f ? 88.0f : (x < -87.0f ? -87.0f : x);
  const float shifted = clamped * 1.44269504f + 12582912.0f;  // 1.5 * 2^23: rounds to an integer
  const float n = shifted - 12582912.0f;
  float r = clamped - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const float q = p * r * r + r + 1.0f;
  int32_t bits;
  std::memcpy(&bits, &shifted, sizeof(bits));
  const int32_t power = (bits - 0x4B400000 + 127) << 23;
  float scale;
  std::memcpy(&scale, &power, sizeof(scale));
  return x < -87.0f ? 0.0f : q * scale;
}

// sum of f(i) for i in [0, n): lane i % 16, then the lanes in order.
template <typename F>
__attribute__((always_inline)) inline float LaneSum(int64_t n, const F& f) {
  float lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) lanes[lane] += f(i + lane);
  }
  for (; i < n; ++i) lanes[i % kLanes] += f(i);
  float sum = 0;
  for (int lane = 0; lane < kLanes; ++lane) sum += lanes[lane];
  return sum;
}

}  // namespace grouter

#endif  // GROUTER_KERNELS_VECTOR_MATH_H_
