#include "routing/table/exchange/inflate.h"

#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>

#include <memory>
#include <string>

#include "io/error.h"

namespace grouter {
namespace {

constexpr size_t kPieceBytes = 1 << 20;

absl::Status Damaged(absl::string_view what) {
  return Error(absl::StatusCode::kDataLoss, what, "compressed data", "make the archive again");
}

unsigned char* Bytes(const char* bytes) { return reinterpret_cast<unsigned char*>(const_cast<char*>(bytes)); }

}  // namespace

absl::StatusOr<uint32_t> Inflate(const std::function<absl::StatusOr<absl::string_view>()>& read,
                                 uint64_t max_bytes,
                                 const std::function<absl::Status(absl::string_view)>& write) {
  const auto state = std::make_unique<inflate_state>();
  isal_inflate_init(state.get());
  state->crc_flag = ISAL_DEFLATE;  // neither header nor trailer
  std::string piece(kPieceBytes, 0);
  uint32_t crc = 0;
  uint64_t total = 0;
  while (state->block_state != ISAL_BLOCK_FINISH) {
    if (state->avail_in == 0) {
      GROUTER_ASSIGN_OR_RETURN(const absl::string_view coded, read());
      if (coded.size() > kPieceBytes) return Damaged("a piece is too long");
      state->next_in = Bytes(coded.data());
      state->avail_in = static_cast<uint32_t>(coded.size());
    }
    const bool at_end = state->avail_in == 0;
    state->next_out = Bytes(piece.data());
    state->avail_out = static_cast<uint32_t>(piece.size());
    if (isal_inflate(state.get()) < 0) return Damaged("the code is damaged");
    const absl::string_view unpacked(piece.data(), piece.size() - state->avail_out);
    total += unpacked.size();
    if (total > max_bytes) return Damaged("there is more data than the archive says");
    crc = crc32_gzip_refl(crc, Bytes(unpacked.data()), unpacked.size());
    if (!unpacked.empty()) GROUTER_RETURN_IF_ERROR(write(unpacked));
    if (at_end && unpacked.empty() && state->block_state != ISAL_BLOCK_FINISH) {
      return Damaged("the data is cut short");
    }
  }
  return crc;
}

}  // namespace grouter
