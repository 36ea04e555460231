// Planes of u16 values to bytes and back: symbols through the entropy coder, low bits as they are, rare
// values in a list. A plane is one slot of every token of a record.
#ifndef GROUTER_ROUTING_TABLE_PACKED_PLANE_VALUES_H_
#define GROUTER_ROUTING_TABLE_PACKED_PLANE_VALUES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "routing/table/packed/assembly_kernels.h"
#include "routing/table/packed/lane_coder.h"
#include "routing/table/packed/plane_code.h"

namespace grouter {

struct CodedPlanes {
  std::string stream;  // EncodeLanes
  std::string low;     // per run, plane and 64 tokens: a u64 for each low bit, the highest first
  std::string listed;  // varint distance from the one before in decoding order, u16 value
};

// values[plane * num_tokens + token].
CodedPlanes EncodePlanes(absl::Span<const PlaneCode> codes, absl::Span<const uint16_t> values,
                         uint64_t num_tokens);
// Of CodedPlanes::low.
uint64_t LowBytes(absl::Span<const PlaneCode> codes, uint64_t num_tokens);

// What decoding needs of the codes of a set of planes.
struct PlaneTables {
  std::vector<PlaneCode> codes;
  std::vector<SlotTable> slots;
  explicit PlaneTables(std::vector<PlaneCode> planes = {});
};

struct ListedValue {
  uint32_t plane, token;
  uint16_t value;
};

// Decodes run by run. One thread at a time. `tables` and the bytes must outlive it.
class PlaneReader {
 public:
  // REQUIRES: low.size() == LowBytes(codes, num_tokens); stream lies within memory.
  PlaneReader(const PlaneTables& tables, absl::string_view stream, absl::string_view memory,
              absl::string_view low, absl::string_view listed, uint64_t num_tokens);

  uint32_t num_planes() const { return static_cast<uint32_t>(tables_.codes.size()); }
  // Symbols of the next run, of `other` (which may be null) too. `before` is called before each plane, for
  // who has memory to ask for while symbols are decoded. REQUIRES: count is the run's number of tokens.
  void ReadRun(
      uint32_t count, LaneKernel kernel, PlaneReader* other,
      absl::FunctionRef<void(uint32_t plane)> before = [](uint32_t) {});
  // The run's values of one plane, `values` with room for count rounded up to 64. Planes in order, once each.
  void Values(uint32_t plane, LaneKernel kernel, uint16_t* values);
  // The run's symbols and low bits, for who joins them himself. He skips the run, which gives him the values
  // that are listed, valid until the next run, by plane, then token; there symbol and low bits mean nothing.
  const uint8_t* symbols(uint32_t plane) const { return &symbols_[size_t{plane} * kRunTokens]; }
  const char* low(uint32_t plane) const { return low_.data() + low_at_[plane]; }
  absl::Span<ListedValue> SkipRun();
  // REQUIRES: eight planes. Those of the run.
  EightPlanes AllEight() const;
  // True when all bytes were used up and agree.
  bool EndsWell() const {
    return ok_ && listed_.empty() && listed_position_ == UINT64_MAX &&
           (tables_.codes.empty() ? stream_.end == stream_.next : LanesEndWell(stream_));
  }

 private:
  void NextListed();
  // Calls use(token, value) for what the run's next plane lists.
  template <typename Use>
  void ReadListed(uint32_t plane, const Use& use);
  void AskForLow(uint32_t plane) const;

  const PlaneTables& tables_;
  LaneStream stream_;
  absl::string_view low_, listed_;
  std::vector<uint8_t> symbols_;
  std::vector<ListedValue> listed_of_run_;
  std::vector<uint64_t> low_at_;  // where the run's planes begin in low_
  uint64_t next_low_ = 0;
  uint32_t count_ = 0;
  uint64_t position_ = 0;  // in decoding order
  uint64_t listed_position_ = UINT64_MAX;
  uint16_t listed_value_ = 0;
  bool ok_ = true;
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_PACKED_PLANE_VALUES_H_
