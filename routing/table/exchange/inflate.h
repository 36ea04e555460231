// Unpacks raw DEFLATE, the coding of a zip archive's members, two to three times as fast as zlib (ISA-L).
#ifndef GROUTER_ROUTING_TABLE_EXCHANGE_INFLATE_H_
#define GROUTER_ROUTING_TABLE_EXCHANGE_INFLATE_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace grouter {

// `read` gives the next coded bytes, valid until it is called again; empty: the end. `write` takes unpacked
// bytes, at most a mebibyte at a time. Returns the CRC-32 (zip's) of all of them. DATA_LOSS when the code is
// damaged, cut or holds more than `max_bytes`; errors of `read` and `write` as they are. Memory is fixed.
absl::StatusOr<uint32_t> Inflate(const std::function<absl::StatusOr<absl::string_view>()>& read,
                                 uint64_t max_bytes,
                                 const std::function<absl::Status(absl::string_view)>& write);

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_EXCHANGE_INFLATE_H_
