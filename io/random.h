// Seeded random numbers that are the same on every machine and for every thread count. Everything random
// in Grouter (order, splits, initial values, tie-breaking searches) comes from here or from torch seeded
// from here; std:: distributions differ between libraries and are not used.
#ifndef GROUTER_IO_RANDOM_H_
#define GROUTER_IO_RANDOM_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace grouter {

// SplitMix64's finaliser (Steele, Lea, Flood 2014): a bijection on 64 bits.
inline uint64_t Mix64(uint64_t x) {
  x += 0x9E3779B97F4A7C15ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

// A stream of numbers from a seed. A value: copying it copies its position.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  // A stream for one purpose, independent of the others of the same seed.
  Random(uint64_t seed, uint64_t purpose) : state_(Mix64(seed) ^ Mix64(~purpose)) {}

  uint64_t Next() {
    const uint64_t value = Mix64(state_);
    state_ += 0x9E3779B97F4A7C15ull;
    return value;
  }
  // Uniform in [0, bound). REQUIRES: bound > 0.
  uint64_t Below(uint64_t bound) {
    const uint64_t limit = bound * (UINT64_MAX / bound);
    uint64_t value = Next();
    while (value >= limit) value = Next();
    return value % bound;
  }
  // Uniform in [0, 1), 53 bits.
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

  // Fisher-Yates.
  template <typename T>
  void Shuffle(std::vector<T>* values) {
    for (size_t i = values->size(); i > 1; --i) std::swap((*values)[i - 1], (*values)[Below(i)]);
  }

 private:
  uint64_t state_;
};

}  // namespace grouter

#endif  // GROUTER_IO_RANDOM_H_
