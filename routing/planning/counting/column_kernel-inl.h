// The inner loop of ColumnCounter, included once per instruction set. `Vector` is uint64_t or a GCC vector of
// them. Counters are bit-sliced: plane p of a column holds bit p of its count; sixteen tokens pass through
// carry-save adders (Harley and Seal's tree) before one carry ripples into the upper planes.
//
// No include guard: each instruction set's file includes it inside a namespace of its own.

constexpr uint32_t kPlanes = 16;  // counts below 65,536 tokens between two extractions

#include "routing/planning/counting/carry_save-inl.h"

// Ors the rows of one token's experts.
template <typename Vector, typename Id, uint32_t kFixedK>
inline Vector TokenMask(const Id* ids, uint32_t k, const uint64_t* rows, uint32_t words, uint32_t num_rows) {
  const uint32_t count = kFixedK > 0 ? kFixedK : k;
  Vector mask = Vector{};
  for (uint32_t j = 0; j < count; ++j) {
    const uint32_t id = ids[j];
    const uint32_t row = sizeof(Id) == 1 || id < num_rows ? id : num_rows - 1;
    Vector bits;
    __builtin_memcpy(&bits, rows + uint64_t{row} * words, sizeof(bits));
    mask |= bits;
  }
  return mask;
}

template <typename Vector>
inline void Extract(const Vector* planes, uint32_t num_words, uint32_t* counts) {
  uint64_t words[kPlanes][8];
  for (uint32_t p = 0; p < kPlanes; ++p) __builtin_memcpy(words[p], &planes[p], sizeof(Vector));
  for (uint32_t w = 0; w < num_words; ++w) {
    for (uint32_t p = 0; p < kPlanes; ++p) {
      for (uint64_t bits = words[p][w]; bits != 0; bits &= bits - 1) {
        counts[w * 64 + __builtin_ctzll(bits)] += 1u << p;
      }
    }
  }
}

// At most 65,535 tokens, one vector's columns.
template <typename Vector, typename Id, uint32_t kFixedK>
void CountRun(const Id* ids, const uint8_t* num_topk, uint32_t k, uint32_t num_tokens, const uint64_t* rows,
              uint32_t words, uint32_t num_rows, uint32_t* counts) {
  Vector planes[kPlanes] = {};
  const auto token = [&](uint32_t t) {
    return TokenMask<Vector, Id, kFixedK>(ids + uint64_t{t} * k, num_topk == nullptr ? k : num_topk[t], rows,
                                          words, num_rows);
  };
  uint32_t t = 0;
  for (; t + 16 <= num_tokens; t += 16) {
    Vector fours[4];
    Vector ones = planes[0], twos = planes[1];
    Vector twos_a, twos_b;
    for (uint32_t q = 0; q < 4; ++q) {
      CarrySave(&twos_a, &ones, ones, token(t + 4 * q), token(t + 4 * q + 1));
      CarrySave(&twos_b, &ones, ones, token(t + 4 * q + 2), token(t + 4 * q + 3));
      CarrySave(&fours[q], &twos, twos, twos_a, twos_b);
    }
    Vector eights_a, eights_b, carry;
    CarrySave(&eights_a, &planes[2], planes[2], fours[0], fours[1]);
    CarrySave(&eights_b, &planes[2], planes[2], fours[2], fours[3]);
    CarrySave(&carry, &planes[3], planes[3], eights_a, eights_b);
    planes[0] = ones;
    planes[1] = twos;
    for (uint32_t p = 4; p < kPlanes; ++p) {
      const Vector sum = planes[p] ^ carry;
      carry &= planes[p];
      planes[p] = sum;
    }
  }
  for (; t < num_tokens; ++t) {
    Vector carry = token(t);
    for (uint32_t p = 0; p < kPlanes; ++p) {
      const Vector sum = planes[p] ^ carry;
      carry &= planes[p];
      planes[p] = sum;
    }
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
      if (num_topk == nullptr && run.k == 8) {
        CountRun<Vector, Id, 8>(ids, num_topk, run.k, count, run.rows + w, run.words, run.num_rows,
                                counts + w * 64);
      } else if (num_topk == nullptr && run.k == 4) {
        CountRun<Vector, Id, 4>(ids, num_topk, run.k, count, run.rows + w, run.words, run.num_rows,
                                counts + w * 64);
      } else {
        CountRun<Vector, Id, 0>(ids, num_topk, run.k, count, run.rows + w, run.words, run.num_rows,
                                counts + w * 64);
      }
    }
  }
}
