// The inner loop of ColumnCounter, included once per instruction set. `Vector` is uint64_t or a GCC vector of
// them. Counters are bit-sliced: plane p of a column holds bit p of its count; sixty-four tokens pass through
// carry-save adders (Harley and Seal's tree) before one carry ripples into the upper planes.
//
// No include guard: each instruction set's file includes it inside a namespace of its own.

constexpr uint32_t kPlanes = 16;  // counts below 65,536 tokens between two extractions
// Ids are asked for this far ahead, into the second cache: the processor's own look-ahead ends at each page.
constexpr uint32_t kIdBytesAhead = 4096;

#include "routing/planning/counting/carry_save-inl.h"

// Ors the rows of one token's experts.
// kRowShift: log2 of a row's bytes where k is 8 and ids are bytes, else 0.
template <typename Vector, typename Id, uint32_t kFixedK, uint32_t kRowShift>
inline void TokenMask(const Id* ids, uint32_t k, const uint64_t* rows, uint32_t words, uint32_t num_rows,
                      Vector* mask) {
  if constexpr (kRowShift > 0) {
    // Eight ids are one word; a rotation and a mask make each a byte offset.
    uint64_t word;
    __builtin_memcpy(&word, ids, sizeof(word));
    Vector bits[8];
#pragma GCC unroll 8
    for (uint32_t j = 0; j < 8; ++j) {
      const uint32_t by = (8 * j + 64 - kRowShift) % 64;
      const uint64_t offset = (word >> by | word << (64 - by)) & (uint64_t{255} << kRowShift);
      __builtin_memcpy(&bits[j], reinterpret_cast<const char*>(rows) + offset, sizeof(Vector));
    }
    *mask = bits[0] | bits[1];
    OrWith(mask, bits[2], bits[3]);
    OrWith(mask, bits[4], bits[5]);
    OrWith(mask, bits[6], bits[7]);
  } else {
    const uint32_t count = kFixedK > 0 ? kFixedK : k;
    *mask = Vector{};
#pragma GCC unroll 8
    for (uint32_t j = 0; j < count; ++j) {
      const uint32_t id = ids[j];
      const uint32_t row = sizeof(Id) == 1 || id < num_rows ? id : num_rows - 1;
      Vector bits;
      __builtin_memcpy(&bits, rows + uint64_t{row} * words, sizeof(bits));
      *mask |= bits;
    }
  }
}

template <typename Vector>
inline void Extract(const Vector* planes, uint32_t num_words, uint32_t* counts) {
  uint64_t words[kPlanes][8];
  for (uint32_t p = 0; p < kPlanes; ++p) __builtin_memcpy(words[p], &planes[p], sizeof(Vector));
  if constexpr (sizeof(Vector) > sizeof(uint64_t)) {
    // Eight columns at a time, each a lane that is shifted by its own number.
    using Lanes = uint32_t __attribute__((vector_size(32)));
    const Lanes first = {0, 1, 2, 3, 4, 5, 6, 7};
    for (uint32_t eight = 0; eight < num_words * 8; ++eight) {
      Lanes sum;
      __builtin_memcpy(&sum, counts + 8 * eight, sizeof(sum));
      for (uint32_t p = 0; p < kPlanes; ++p) {
        const uint32_t bits = static_cast<uint32_t>(words[p][eight / 8] >> (eight % 8 * 8));
        sum += ((Lanes{} + bits) >> first & 1u) << p;
      }
      __builtin_memcpy(counts + 8 * eight, &sum, sizeof(sum));
    }
    return;
  }
  for (uint32_t w = 0; w < num_words; ++w) {
    for (uint32_t p = 0; p < kPlanes; ++p) {
      for (uint64_t bits = words[p][w]; bits != 0; bits &= bits - 1) {
        counts[w * 64 + __builtin_ctzll(bits)] += 1u << p;
      }
    }
  }
}

// At most 65,535 tokens, one vector's columns.
template <typename Vector, typename Id, uint32_t kFixedK, uint32_t kRowShift>
void CountRun(const Id* ids, const uint8_t* num_topk, uint32_t k, uint32_t num_tokens, const uint64_t* rows,
              uint32_t words, uint32_t num_rows, uint32_t* counts) {
  Vector planes[kPlanes] = {};
  const auto token = [&](uint32_t t, Vector * mask) __attribute__((always_inline)) {
    TokenMask<Vector, Id, kFixedK, kRowShift>(ids + uint64_t{t} * k, num_topk == nullptr ? k : num_topk[t],
                                              rows, words, num_rows, mask);
  };
  // What sixteen tokens carry into the fifth plane.
  const auto sixteen = [&](uint32_t t, Vector * carry) __attribute__((always_inline)) {
    for (uint32_t at = 0; at < 16 * k * sizeof(Id); at += 64) {
      __builtin_prefetch(reinterpret_cast<const char*>(ids + uint64_t{t} * k) + at + kIdBytesAhead, 0, 2);
    }
    Vector fours[4];
    Vector ones = planes[0], twos = planes[1];
    for (uint32_t q = 0; q < 4; ++q) {
      Vector a, b, twos_a, twos_b;
      token(t + 4 * q, &a);
      token(t + 4 * q + 1, &b);
      CarrySave(&twos_a, &ones, ones, a, b);
      token(t + 4 * q + 2, &a);
      token(t + 4 * q + 3, &b);
      CarrySave(&twos_b, &ones, ones, a, b);
      CarrySave(&fours[q], &twos, twos, twos_a, twos_b);
    }
    planes[0] = ones;
    planes[1] = twos;
    Vector eights_a, eights_b;
    CarrySave(&eights_a, &planes[2], planes[2], fours[0], fours[1]);
    CarrySave(&eights_b, &planes[2], planes[2], fours[2], fours[3]);
    CarrySave(carry, &planes[3], planes[3], eights_a, eights_b);
  };
  const auto add_from = [&](uint32_t first, const Vector& added) {
    Vector carry = added;
    for (uint32_t p = first; p < kPlanes; ++p) {
      const Vector sum = planes[p] ^ carry;
      carry &= planes[p];
      planes[p] = sum;
    }
  };
  uint32_t t = 0;
  Vector carry;
  for (; t + 64 <= num_tokens; t += 64) {
    Vector sixteens[4], thirty_twos_a, thirty_twos_b;
    for (uint32_t q = 0; q < 4; ++q) sixteen(t + 16 * q, &sixteens[q]);
    CarrySave(&thirty_twos_a, &planes[4], planes[4], sixteens[0], sixteens[1]);
    CarrySave(&thirty_twos_b, &planes[4], planes[4], sixteens[2], sixteens[3]);
    CarrySave(&carry, &planes[5], planes[5], thirty_twos_a, thirty_twos_b);
    add_from(6, carry);
  }
  for (; t + 16 <= num_tokens; t += 16) {
    sixteen(t, &carry);
    add_from(4, carry);
  }
  for (; t < num_tokens; ++t) {
    token(t, &carry);
    add_from(0, carry);
  }
  Extract(planes, sizeof(Vector) / sizeof(uint64_t), counts);
}

template <typename Vector, typename Id>
void CountAllRuns(const ColumnRun& run, uint32_t* counts) {
  constexpr uint32_t kLongest = (1u << kPlanes) - 1;
  constexpr uint32_t kWords = sizeof(Vector) / sizeof(uint64_t);
  for (uint32_t first = 0; first < run.num_tokens; first += kLongest) {
    const uint32_t count = run.num_tokens - first < kLongest ? run.num_tokens - first : kLongest;
    const Id* ids = reinterpret_cast<const Id*>(run.ids) + uint64_t{first} * run.k;
    const uint8_t* num_topk = run.num_topk == nullptr ? nullptr : run.num_topk + first;
    for (uint32_t w = 0; w < run.words; w += kWords) {
      const auto count_run = [&](auto fixed_k, auto row_shift) {
        CountRun<Vector, Id, decltype(fixed_k)::value, decltype(row_shift)::value>(
            ids, num_topk, run.k, count, run.rows + w, run.words, run.num_rows, counts + w * 64);
      };
      const bool all_k = num_topk == nullptr;
      if (all_k && run.k == 8 && sizeof(Id) == 1 && run.words == 4) {
        count_run(Number<8>(), Number < sizeof(Id) == 1 ? 5 : 0 > ());
      } else if (all_k && run.k == 8 && sizeof(Id) == 1 && run.words == 8) {
        count_run(Number<8>(), Number < sizeof(Id) == 1 ? 6 : 0 > ());
      } else if (all_k && run.k == 8) {
        count_run(Number<8>(), Number<0>());
      } else if (all_k && run.k == 4) {
        count_run(Number<4>(), Number<0>());
      } else {
        count_run(Number<0>(), Number<0>());
      }
    }
  }
}
