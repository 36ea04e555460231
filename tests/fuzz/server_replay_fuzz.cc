// Rollout batches from outside: messages of an ingest, then a slice of what they sealed.
//
// An input is messages with a two-byte length each: a GetSliceRequest, then IngestBatchRequests.
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "io/error.h"
#include "server/replay/batch_ingest.h"
#include "server/replay/slice_feed.h"
#include "tests/testing/tables/memory_files.h"

namespace {

absl::string_view TakeMessage(absl::string_view* rest) {
  if (rest->size() < 2) {
    *rest = {};  // half a length: the end
    return {};
  }
  const size_t length = static_cast<uint8_t>((*rest)[0]) | size_t{static_cast<uint8_t>((*rest)[1])} << 8;
  rest->remove_prefix(2);
  const absl::string_view message = rest->substr(0, length);
  rest->remove_prefix(message.size());
  return message;
}

template <typename Message>
bool Parse(absl::string_view bytes, Message* message) {
  return message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace grouter;
  absl::string_view rest(reinterpret_cast<const char*>(data), size);
  v1::GetSliceRequest slice;
  v1::IngestBatchRequest request;
  if (!Parse(TakeMessage(&rest), &slice) || !Parse(TakeMessage(&rest), &request)) return 0;
  testing::MemoryFiles files;
  ArtefactRegistry artefacts({"/none"}, files);
  ReplayStoreOptions options;
  options.folder = "/none/replay";
  options.quota.max_bytes = 1 << 20;
  options.unix_ms = [] { return int64_t{0}; };
  ReplayStore store(options, &artefacts, files);
  const auto ingest = BatchIngest::Begin(request.open(), &store, files);
  if (!ingest.ok()) return 0;
  absl::Status status;
  do {
    for (const v1::CapturedRoutes& routes : request.routes()) {
      status = (*ingest)->Add(routes);
      if (!status.ok()) return 0;
    }
    if (request.seal() || rest.empty()) break;
    request.Clear();
  } while (Parse(TakeMessage(&rest), &request));
  const auto sealed = (*ingest)->Seal();
  if (!sealed.ok()) return 0;
  auto table = RoutingTable::Open(
      JoinPath(JoinPath(options.folder, sealed->batch.key.series), std::to_string(sealed->batch.key.batch)),
      files);
  GROUTER_CHECK(table.ok());
  const auto feed = SliceFeed::Create(slice, *table);
  if (!feed.ok()) return 0;
  v1::GetSliceResponse message;
  uint64_t bytes = 0;
  for (;;) {
    const absl::StatusOr<bool> more = (*feed)->Next(&message);
    GROUTER_CHECK(more.ok());
    if (!*more) break;
    for (const v1::ReplayPiece& piece : message.pieces()) {
      bytes += piece.ids().size() + piece.weights().size() + piece.num_topk().size();
    }
  }
  GROUTER_CHECK(bytes == (*feed)->head().payload_bytes());
  return 0;
}
