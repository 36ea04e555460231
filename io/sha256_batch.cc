#include "io/sha256_batch.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace grouter {
namespace {

uint64_t LengthOf(const MessagePieces& message) {
  uint64_t length = 0;
  for (absl::string_view piece : message) length += piece.size();
  return length;
}

Digest HashSerially(const MessagePieces& message) {
  Sha256Stream stream;
  for (absl::string_view piece : message) stream.Update(piece);
  return stream.Finish();
}

#if defined(__x86_64__)

constexpr int kLanes = 16;
// Sixteen blocks side by side take about as long as this many one after the other.
constexpr uint64_t kWorthwhileMessages = 7;

constexpr uint32_t kStart[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
constexpr uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

bool HasLanes() { return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw"); }

#define GROUTER_LANES __attribute__((target("avx512f,avx512bw"), always_inline)) inline

GROUTER_LANES __m512i Xor3(__m512i a, __m512i b, __m512i c) {
  return _mm512_ternarylogic_epi32(a, b, c, 0x96);
}

// rows[r] holds the 16 words of lane r's block; afterwards rows[w] holds word w of all lanes.
GROUTER_LANES void Transpose(__m512i* rows) {
  __m512i a[16], b[16];
  for (int i = 0; i < 16; i += 2) {
    a[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    a[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  // b[4 q + c]: lanes 4 q to 4 q + 3, words c, c + 4, c + 8, c + 12.
  for (int q = 0; q < 16; q += 4) {
    b[q] = _mm512_unpacklo_epi64(a[q], a[q + 2]);
    b[q + 1] = _mm512_unpackhi_epi64(a[q], a[q + 2]);
    b[q + 2] = _mm512_unpacklo_epi64(a[q + 1], a[q + 3]);
    b[q + 3] = _mm512_unpackhi_epi64(a[q + 1], a[q + 3]);
  }
  for (int c = 0; c < 4; ++c) {
    const __m512i low02 = _mm512_shuffle_i32x4(b[c], b[c + 4], 0x88);
    const __m512i low13 = _mm512_shuffle_i32x4(b[c], b[c + 4], 0xdd);
    const __m512i high02 = _mm512_shuffle_i32x4(b[c + 8], b[c + 12], 0x88);
    const __m512i high13 = _mm512_shuffle_i32x4(b[c + 8], b[c + 12], 0xdd);
    rows[c] = _mm512_shuffle_i32x4(low02, high02, 0x88);
    rows[c + 8] = _mm512_shuffle_i32x4(low02, high02, 0xdd);
    rows[c + 4] = _mm512_shuffle_i32x4(low13, high13, 0x88);
    rows[c + 12] = _mm512_shuffle_i32x4(low13, high13, 0xdd);
  }
}

GROUTER_LANES void Round(__m512i a, __m512i b, __m512i c, __m512i& d, __m512i e, __m512i f, __m512i g,
                         __m512i& h, __m512i w, uint32_t k) {
  const __m512i sum1 = Xor3(_mm512_ror_epi32(e, 6), _mm512_ror_epi32(e, 11), _mm512_ror_epi32(e, 25));
  const __m512i choice = _mm512_ternarylogic_epi32(e, f, g, 0xca);
  const __m512i kw = _mm512_add_epi32(w, _mm512_set1_epi32(static_cast<int>(k)));
  const __m512i t = _mm512_add_epi32(_mm512_add_epi32(h, kw), _mm512_add_epi32(sum1, choice));
  const __m512i sum0 = Xor3(_mm512_ror_epi32(a, 2), _mm512_ror_epi32(a, 13), _mm512_ror_epi32(a, 22));
  const __m512i majority = _mm512_ternarylogic_epi32(a, b, c, 0xe8);
  d = _mm512_add_epi32(d, t);
  h = _mm512_add_epi32(t, _mm512_add_epi32(sum0, majority));
}

GROUTER_LANES void Schedule(__m512i* w, int i) {
  const __m512i x = w[(i + 1) & 15], y = w[(i + 14) & 15];
  const __m512i s0 = Xor3(_mm512_ror_epi32(x, 7), _mm512_ror_epi32(x, 18), _mm512_srli_epi32(x, 3));
  const __m512i s1 = Xor3(_mm512_ror_epi32(y, 17), _mm512_ror_epi32(y, 19), _mm512_srli_epi32(y, 10));
  w[i & 15] = _mm512_add_epi32(_mm512_add_epi32(w[i & 15], w[(i + 9) & 15]), _mm512_add_epi32(s0, s1));
}

// Takes num_blocks blocks of 64 bytes from each lane into states[word][lane].
__attribute__((target("avx512f,avx512bw"))) void HashBlocks(const unsigned char* const* blocks,
                                                            uint64_t num_blocks, uint32_t (*states)[kLanes]) {
  const __m512i swap = _mm512_set4_epi32(0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203);
  __m512i state[8], w[16];
  for (int i = 0; i < 8; ++i) state[i] = _mm512_loadu_si512(states[i]);
  for (uint64_t block = 0; block < num_blocks; ++block) {
#pragma GCC unroll 16
    for (int lane = 0; lane < kLanes; ++lane) {
      w[lane] = _mm512_shuffle_epi8(_mm512_loadu_si512(blocks[lane] + 64 * block), swap);
    }
    Transpose(w);
    __m512i a = state[0], b = state[1], c = state[2], d = state[3];
    __m512i e = state[4], f = state[5], g = state[6], h = state[7];
    for (int r = 0; r < 64; r += 16) {
      const uint32_t* k = kRound + r;
      if (r != 0) {
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) Schedule(w, i);
      }
#pragma GCC unroll 2
      for (int i = 0; i < 16; i += 8) {
        Round(a, b, c, d, e, f, g, h, w[i], k[i]);
        Round(h, a, b, c, d, e, f, g, w[i + 1], k[i + 1]);
        Round(g, h, a, b, c, d, e, f, w[i + 2], k[i + 2]);
        Round(f, g, h, a, b, c, d, e, w[i + 3], k[i + 3]);
        Round(e, f, g, h, a, b, c, d, w[i + 4], k[i + 4]);
        Round(d, e, f, g, h, a, b, c, w[i + 5], k[i + 5]);
        Round(c, d, e, f, g, h, a, b, w[i + 6], k[i + 6]);
        Round(b, c, d, e, f, g, h, a, w[i + 7], k[i + 7]);
      }
    }
    const __m512i end[8] = {a, b, c, d, e, f, g, h};
    for (int i = 0; i < 8; ++i) state[i] = _mm512_add_epi32(state[i], end[i]);
  }
  for (int i = 0; i < 8; ++i) _mm512_storeu_si512(states[i], state[i]);
}

// Cuts one message into runs of whole blocks: inside a piece as they lie, copied where pieces meet and at the
// end.
class BlockFeed {
 public:
  // False when all blocks, padding included, were taken.
  bool Next() {
    if (padded_) return false;
    while (piece_ < message_->size() && (*message_)[piece_].size() == at_) ++piece_, at_ = 0;
    if (piece_ < message_->size() && (*message_)[piece_].size() - at_ >= 64) {
      const absl::string_view piece = (*message_)[piece_];
      run_ = reinterpret_cast<const unsigned char*>(piece.data()) + at_;
      num_blocks_ = (piece.size() - at_) / 64;
      at_ += 64 * num_blocks_;
      return true;
    }
    size_t size = 0;
    while (size < 64 && piece_ < message_->size()) {
      const absl::string_view piece = (*message_)[piece_].substr(at_, 64 - size);
      if (!piece.empty()) std::memcpy(copied_ + size, piece.data(), piece.size());
      size += piece.size();
      at_ += piece.size();
      if (at_ == (*message_)[piece_].size()) ++piece_, at_ = 0;
    }
    run_ = copied_;
    num_blocks_ = size < 64 ? Pad(size) : 1;
    return true;
  }
  void Start(const MessagePieces* message) { *this = BlockFeed(), message_ = message; }

  const unsigned char* run() const { return run_; }
  uint64_t num_blocks() const { return num_blocks_; }
  void Take(uint64_t blocks) { run_ += 64 * blocks, num_blocks_ -= blocks; }

 private:
  uint64_t Pad(size_t size) {
    padded_ = true;
    const uint64_t blocks = size < 56 ? 1 : 2;
    copied_[size] = 0x80;
    std::memset(copied_ + size + 1, 0, 64 * blocks - size - 1);
    const uint64_t bits = __builtin_bswap64(8 * LengthOf(*message_));
    std::memcpy(copied_ + 64 * blocks - 8, &bits, 8);
    return blocks;
  }

  const MessagePieces* message_ = nullptr;
  size_t piece_ = 0, at_ = 0;
  bool padded_ = false;
  const unsigned char* run_ = nullptr;
  uint64_t num_blocks_ = 0;
  unsigned char copied_[128];
};

// Hashes messages[order[i]] into digests[order[i]].
void HashSideBySide(absl::Span<const MessagePieces> messages, absl::Span<const size_t> order,
                    std::vector<Digest>* digests) {
  uint32_t states[8][kLanes];
  alignas(64) static const unsigned char idle[64] = {0};
  BlockFeed feeds[kLanes];
  absl::Span<const size_t>::const_iterator next = order.begin();
  size_t index[kLanes];
  bool busy[kLanes] = {false};
  const auto start = [&](int lane) {
    busy[lane] = next != order.end();
    if (!busy[lane]) return;
    index[lane] = *next++;
    feeds[lane].Start(&messages[index[lane]]);
    feeds[lane].Next();
    for (int i = 0; i < 8; ++i) states[i][lane] = kStart[i];
  };
  const auto finish = [&](int lane) {
    for (int i = 0; i < 8; ++i) {
      const uint32_t word = __builtin_bswap32(states[i][lane]);
      std::memcpy(&(*digests)[index[lane]].bytes[4 * i], &word, 4);
    }
  };
  for (int lane = 0; lane < kLanes; ++lane) start(lane);
  while (std::any_of(busy, busy + kLanes, [](bool b) { return b; })) {
    uint64_t blocks = UINT64_MAX;
    for (int lane = 0; lane < kLanes; ++lane) {
      if (busy[lane]) blocks = std::min(blocks, feeds[lane].num_blocks());
    }
    const bool all_busy = std::all_of(busy, busy + kLanes, [](bool b) { return b; });
    if (!all_busy) blocks = 1;  // an idle lane has one block to give
    const unsigned char* runs[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) runs[lane] = busy[lane] ? feeds[lane].run() : idle;
    HashBlocks(runs, blocks, states);
    for (int lane = 0; lane < kLanes; ++lane) {
      if (!busy[lane]) continue;
      feeds[lane].Take(blocks);
      if (feeds[lane].num_blocks() > 0 || feeds[lane].Next()) continue;
      finish(lane);
      start(lane);
    }
  }
}

#endif  // defined(__x86_64__)

}  // namespace

std::vector<Digest> Sha256Batch(absl::Span<const MessagePieces> messages, Sha256Path path) {
  std::vector<Digest> digests(messages.size());
  std::vector<size_t> order(messages.size());
  std::iota(order.begin(), order.end(), 0);
  absl::Span<const size_t> rest = order;
#if defined(__x86_64__)
  if (path == Sha256Path::kBest && HasLanes()) {
    // Longest first, so that lanes end together; what is much longer than the others would leave them idle.
    std::vector<uint64_t> lengths;
    uint64_t total = 0;
    for (const MessagePieces& message : messages) {
      lengths.push_back(LengthOf(message));
      total += lengths.back();
    }
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return lengths[a] > lengths[b]; });
    size_t alone = 0;
    while (alone < order.size() && lengths[order[alone]] * kWorthwhileMessages > total) {
      total -= lengths[order[alone++]];
    }
    if (order.size() - alone >= kWorthwhileMessages) {
      HashSideBySide(messages, rest.subspan(alone), &digests);
      rest = rest.subspan(0, alone);
    }
  }
#endif
  for (size_t i : rest) digests[i] = HashSerially(messages[i]);
  return digests;
}

}  // namespace grouter
