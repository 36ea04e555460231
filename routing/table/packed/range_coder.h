// A range coder for frequencies whose total is any number below 2^32: 64-bit, without carry. Bytes past the
// end of a stream read as zero. Source: D. Subbotin's carryless range coder (1999).
#ifndef GROUTER_ROUTING_TABLE_PACKED_RANGE_CODER_H_
#define GROUTER_ROUTING_TABLE_PACKED_RANGE_CODER_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace grouter {

constexpr uint64_t kRangeTop = uint64_t{1} << 56;
constexpr uint64_t kRangeBottom = uint64_t{1} << 48;

// One thread at a time.
class RangeEncoder {
 public:
  // REQUIRES: frequency > 0, start + frequency <= total < 2^32.
  void Put(uint32_t start, uint32_t frequency, uint32_t total) {
    range_ /= total;
    low_ += start * range_;
    range_ *= frequency;
    while ((low_ ^ (low_ + range_)) < kRangeTop ||
           (range_ < kRangeBottom && (range_ = (0 - low_) & (kRangeBottom - 1), true))) {
      bytes_.push_back(static_cast<char>(low_ >> 56));
      low_ <<= 8;
      range_ <<= 8;
    }
  }
  // As few bytes as tell the last interval, zeros at the end left out. The encoder is spent.
  std::string Finish() {
    for (int kept = 1; kept <= 8; ++kept) {
      const uint64_t rest = kept == 8 ? 0 : ~uint64_t{0} >> (8 * kept);
      const uint64_t point = (low_ + rest) & ~rest;
      if (point - low_ >= range_) continue;  // also when the sum wrapped
      for (int i = 0; i < kept; ++i) bytes_.push_back(static_cast<char>(point >> (56 - 8 * i)));
      break;
    }
    while (!bytes_.empty() && bytes_.back() == 0) bytes_.pop_back();
    return std::move(bytes_);
  }

 private:
  uint64_t low_ = 0;
  uint64_t range_ = ~uint64_t{0};
  std::string bytes_;
};

// One thread at a time; does not own the bytes.
class RangeDecoder {
 public:
  explicit RangeDecoder(absl::string_view bytes) : bytes_(bytes) {
    for (int i = 0; i < 8; ++i) code_ = code_ << 8 | Next();
  }
  // A point below total; of a damaged stream any. Then Take with the interval that holds it.
  uint32_t Point(uint32_t total) {
    range_ /= total;
    const uint64_t point = (code_ - low_) / range_;
    return point < total ? static_cast<uint32_t>(point) : total - 1;
  }
  void Take(uint32_t start, uint32_t frequency) {
    low_ += start * range_;
    range_ *= frequency;
    while ((low_ ^ (low_ + range_)) < kRangeTop ||
           (range_ < kRangeBottom && (range_ = (0 - low_) & (kRangeBottom - 1), true))) {
      code_ = code_ << 8 | Next();
      low_ <<= 8;
      range_ <<= 8;
    }
  }
  bool AtEnd() const { return next_ >= bytes_.size(); }

 private:
  uint64_t Next() { return next_ < bytes_.size() ? static_cast<uint8_t>(bytes_[next_++]) : 0; }

  absl::string_view bytes_;
  size_t next_ = 0;
  uint64_t low_ = 0;
  uint64_t range_ = ~uint64_t{0};
  uint64_t code_ = 0;
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_PACKED_RANGE_CODER_H_
