// Any bytes as a packed table's codec section and as one record's payload: the first byte chooses a shape,
// two more how the rest is parted.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "io/error.h"
#include "routing/table/format.h"
#include "routing/table/packed/route_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using grouter::RouteDecoder;
  if (size < 3) return 0;
  grouter::TableHeader header;
  header.num_experts = data[0] & 1 ? 128 : data[0] & 2 ? 300 : 8;
  header.k = data[0] & 1 ? 8 : 2;
  header.id_width = grouter::IdWidth(header.num_experts);
  header.per_token_k = (data[0] & 4) != 0;
  header.weight_type = static_cast<grouter::WeightType>(data[0] >> 3 & 3);
  const bool has_missing = (data[0] & 32) != 0;
  const uint32_t num_tokens = data[0] & 64 ? 1100 : 64;
  const absl::string_view rest(reinterpret_cast<const char*>(data) + 3, size - 3);
  const size_t cut = std::min<size_t>(rest.size(), data[1] | data[2] << 8);
  const auto codec = grouter::RouteCodec::Decode(header, rest.substr(0, cut));
  if (!codec.ok()) return 0;
  const absl::string_view payload = rest.substr(cut);
  if (!RouteDecoder::IsPlausible(num_tokens, payload.size())) return 0;
  std::vector<uint32_t> tokens((*codec)->needs_tokens() ? num_tokens : 0);
  for (size_t t = 0; t < tokens.size(); ++t) tokens[t] = static_cast<uint32_t>(t % 40);
  const uint64_t bytes = grouter::LayoutRecord(header, num_tokens, has_missing).payload_bytes;
  const auto decode = [&](grouter::LaneKernel kernel, std::string* record) {
    return RouteDecoder(*codec, kernel)
        .Decode(0, tokens, num_tokens, has_missing, payload, &(*record)[0])
        .ok();
  };
  std::string first(bytes, 0), other(bytes, 0);
  const bool ok = decode(grouter::LaneKernel::kPortable, &first);
  for (grouter::LaneKernel kernel : grouter::LaneKernels()) {
    GROUTER_CHECK(decode(kernel, &other) == ok);
    GROUTER_CHECK(!ok || other == first);
  }
  return 0;
}
