// The part of the byte kernels that does not depend on the instruction set: a byte a token comes in, bits are
// counted by position. Included once per instruction set inside a namespace of its own; no include guard.

#include "routing/planning/counting/carry_save-inl.h"

constexpr uint32_t kBytePlanes = 8;
// Vectors between two extractions: below 2^kBytePlanes, a multiple of 16.
constexpr uint32_t kLongestByteRun = 240;
// Ids are asked for this far ahead: the processor's own look-ahead ends at each page.
constexpr uint32_t kBytesAhead = 3072;

// Adds the planes' bits to 8 counts: bit c of every byte belongs to column c. A column's bits of all planes
// make one number a byte; the bytes are added up.
template <typename Vector>
inline void ExtractBytes(const Vector* planes, uint32_t* counts) {
  constexpr uint32_t kWords = sizeof(Vector) / sizeof(uint64_t);
  const Vector bit = Vector{} + uint64_t{0x0101010101010101};
  const Vector byte = Vector{} + uint64_t{0x00FF00FF00FF00FF};
  const Vector half = Vector{} + uint64_t{0x0000FFFF0000FFFF};
  for (uint32_t c = 0; c < 8; ++c) {
    Vector sums = Vector{};
    for (uint32_t p = 0; p < kBytePlanes; ++p) sums += ((planes[p] >> c) & bit) << p;
    sums = (sums & byte) + ((sums >> 8) & byte);
    sums = (sums & half) + ((sums >> 16) & half);
    uint64_t words[kWords], total = 0;
    __builtin_memcpy(words, &sums, sizeof(Vector));
    for (uint32_t w = 0; w < kWords; ++w) total += (words[w] & 0xFFFFFFFF) + (words[w] >> 32);
    counts[c] += static_cast<uint32_t>(total);
  }
}

template <typename Vector>
inline void AddFrom(Vector* planes, uint32_t first, Vector carry) {
  for (uint32_t p = first; p < kBytePlanes; ++p) {
    const Vector sum = planes[p] ^ carry;
    carry &= planes[p];
    planes[p] = sum;
  }
}

// `masks(ids)` gives one byte for each of the sizeof(Vector) tokens whose ids begin there, in any order.
template <typename Vector, uint32_t kK, typename Masks>
inline void CountByteVectors(const ByteRun& run, Masks masks, uint32_t* counts) {
  constexpr uint32_t kTokens = sizeof(Vector);
  const uint8_t* ids = run.ids;
  uint32_t left = run.num_tokens / kTokens;
  while (left > 0) {
    const uint32_t count = left < kLongestByteRun ? left : kLongestByteRun;
    left -= count;
    Vector planes[kBytePlanes] = {};
    const auto next = [&] {
      if (run.from_memory) {
        for (uint32_t byte = 0; byte < kTokens * kK; byte += 64) __builtin_prefetch(ids + byte + kBytesAhead);
      }
      const Vector mask = masks(ids);
      ids += kTokens * kK;
      return mask;
    };
    uint32_t i = 0;
    for (; i + 16 <= count; i += 16) {
      Vector fours[4];
      Vector ones = planes[0], twos = planes[1];
      for (uint32_t q = 0; q < 4; ++q) {
        Vector twos_a, twos_b;
        const Vector a = next(), b = next(), c = next(), d = next();
        CarrySave(&twos_a, &ones, ones, a, b);
        CarrySave(&twos_b, &ones, ones, c, d);
        CarrySave(&fours[q], &twos, twos, twos_a, twos_b);
      }
      Vector eights_a, eights_b, carry;
      CarrySave(&eights_a, &planes[2], planes[2], fours[0], fours[1]);
      CarrySave(&eights_b, &planes[2], planes[2], fours[2], fours[3]);
      CarrySave(&carry, &planes[3], planes[3], eights_a, eights_b);
      planes[0] = ones;
      planes[1] = twos;
      AddFrom(planes, 4, carry);
    }
    for (; i < count; ++i) AddFrom(planes, 0, next());
    ExtractBytes(planes, counts);
  }
  for (uint32_t t = run.num_tokens / kTokens * kTokens; t < run.num_tokens; ++t, ids += kK) {
    uint32_t mask = 0;
    for (uint32_t j = 0; j < kK; ++j) mask |= run.table[ids[j]];
    for (uint32_t c = 0; c < 8; ++c) counts[c] += mask >> c & 1;
  }
}
