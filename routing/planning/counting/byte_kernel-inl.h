// The part of the byte kernels that does not depend on the instruction set: a byte a token and table comes
// in, bits are counted by position. Included once per instruction set inside a namespace of its own; no
// include guard.

#include "routing/planning/counting/carry_save-inl.h"

constexpr uint32_t kBytePlanes = 8;
// Vectors between two extractions: below 2^kBytePlanes, a multiple of 16.
constexpr uint32_t kLongestByteRun = 240;
// Ids are asked for far ahead into the second cache, because the processor's own look-ahead ends at each page
// and the first cache waits for few lines at once; and again, nearer, into the first.
constexpr uint32_t kFarBytesAhead = 8192;
constexpr uint32_t kNearBytesAhead = 1024;

// Swaps the bits of `mask` in `a`, `shift` places up, with those in `b`.
template <typename Vector>
inline void SwapBits(Vector* a, Vector* b, uint32_t shift, uint64_t mask) {
  const Vector differ = ((*a >> shift) ^ *b) & (Vector{} + mask);
  *a ^= differ << shift;
  *b ^= differ;
}

// Adds the planes' bits to 8 counts: bit c of every byte belongs to column c. Planes and columns change
// places, so that each byte is one column's number; the bytes are added up.
template <typename Vector>
inline void ExtractBytes(Vector* planes, uint32_t* counts) {
  static_assert(kBytePlanes == 8, "a plane a bit of a byte");
  for (uint32_t p = 0; p < kBytePlanes; ++p) {
    if ((p & 4) == 0) SwapBits(&planes[p], &planes[p + 4], 4, 0x0F0F0F0F0F0F0F0F);
  }
  for (uint32_t p = 0; p < kBytePlanes; ++p) {
    if ((p & 2) == 0) SwapBits(&planes[p], &planes[p + 2], 2, 0x3333333333333333);
  }
  for (uint32_t p = 0; p < kBytePlanes; p += 2) SwapBits(&planes[p], &planes[p + 1], 1, 0x5555555555555555);
  constexpr uint32_t kWords = sizeof(Vector) / sizeof(uint64_t);
  const Vector byte = Vector{} + uint64_t{0x00FF00FF00FF00FF};
  for (uint32_t c = 0; c < 8; ++c) {
    const Vector sums = (planes[c] & byte) + ((planes[c] >> 8) & byte);
    uint64_t words[kWords], total = 0;
    __builtin_memcpy(words, &sums, sizeof(Vector));
    for (uint32_t w = 0; w < kWords; ++w) total += words[w];  // 16 bits hold 8 words of twice 255
    total = (total & 0x0000FFFF0000FFFF) + ((total >> 16) & 0x0000FFFF0000FFFF);
    counts[c] += static_cast<uint32_t>(total + (total >> 32));
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

// `masks(ids, bytes)` sets bytes[table] to one byte for each of the sizeof(Vector) tokens whose ids begin
// there, in any order.
template <typename Vector, uint32_t kK, uint32_t kTables, typename Masks>
inline void CountByteVectors(const ByteRun& run, const Masks& masks, uint32_t* counts) {
  constexpr uint32_t kTokens = sizeof(Vector);
  const uint8_t* ids = run.ids;
  uint32_t left = run.num_tokens / kTokens;
  while (left > 0) {
    const uint32_t count = left < kLongestByteRun ? left : kLongestByteRun;
    left -= count;
    Vector planes[kTables][kBytePlanes] = {};
    const auto next = [&](Vector * bytes) __attribute__((always_inline)) {
      for (uint32_t at = 0; at < kTokens * kK; at += 64) {
        __builtin_prefetch(ids + at + kFarBytesAhead, 0, 2);
        __builtin_prefetch(ids + at + kNearBytesAhead, 0, 3);
      }
      masks(ids, bytes);
      ids += kTokens * kK;
    };
    uint32_t i = 0;
    for (; i + 16 <= count; i += 16) {
      Vector fours[4][kTables];
      for (uint32_t q = 0; q < 4; ++q) {
        Vector bytes[4][kTables];
        for (uint32_t v = 0; v < 4; ++v) next(bytes[v]);
        for (uint32_t t = 0; t < kTables; ++t) {
          Vector *p = planes[t], twos_a, twos_b;
          CarrySave(&twos_a, &p[0], p[0], bytes[0][t], bytes[1][t]);
          CarrySave(&twos_b, &p[0], p[0], bytes[2][t], bytes[3][t]);
          CarrySave(&fours[q][t], &p[1], p[1], twos_a, twos_b);
        }
      }
      for (uint32_t t = 0; t < kTables; ++t) {
        Vector *p = planes[t], eights_a, eights_b, carry;
        CarrySave(&eights_a, &p[2], p[2], fours[0][t], fours[1][t]);
        CarrySave(&eights_b, &p[2], p[2], fours[2][t], fours[3][t]);
        CarrySave(&carry, &p[3], p[3], eights_a, eights_b);
        AddFrom(p, 4, carry);
      }
    }
    for (; i < count; ++i) {
      Vector bytes[kTables];
      next(bytes);
      for (uint32_t t = 0; t < kTables; ++t) AddFrom(planes[t], 0, bytes[t]);
    }
    for (uint32_t t = 0; t < kTables; ++t) ExtractBytes(planes[t], counts + 8 * t);
  }
  for (uint32_t at = run.num_tokens / kTokens * kTokens; at < run.num_tokens; ++at, ids += kK) {
    for (uint32_t t = 0; t < kTables; ++t) {
      uint32_t mask = 0;
      for (uint32_t j = 0; j < kK; ++j) mask |= run.tables[256 * t + ids[j]];
      for (uint32_t c = 0; c < 8; ++c) counts[8 * t + c] += mask >> c & 1;
    }
  }
}

// Calls count(k, tables, short table) with the run's values as types.
template <typename Count>
inline void WithByteShape(const ByteRun& run, const Count& count) {
  const auto with_k = [&](auto k) {
    const auto with_tables = [&](auto tables) {
      run.short_table ? count(k, tables, Number<1>()) : count(k, tables, Number<0>());
    };
    run.num_tables == 1 ? with_tables(Number<1>()) : with_tables(Number<2>());
  };
  run.k == 8 ? with_k(Number<8>()) : with_k(Number<4>());
}
