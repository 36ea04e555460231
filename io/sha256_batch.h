// SHA-256 of many messages at once: what names the samples of a routing table. Pure; the same digests as
// Sha256.
#ifndef GROUTER_IO_SHA256_BATCH_H_
#define GROUTER_IO_SHA256_BATCH_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "io/digest.h"

namespace grouter {

// Pieces, end to end. Views of the caller's memory.
using MessagePieces = std::vector<absl::string_view>;

enum class Sha256Path { kBest, kSerial };

// One digest a message, in their order. Sixteen messages of similar length are hashed side by side where the
// processor has AVX-512, at two to three times the rate of one after the other; any lengths give right
// digests.
std::vector<Digest> Sha256Batch(absl::Span<const MessagePieces> messages,
                                Sha256Path path = Sha256Path::kBest);

}  // namespace grouter

#endif  // GROUTER_IO_SHA256_BATCH_H_
