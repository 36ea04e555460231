#include "server/replay/slice_feed.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "proto/status.h"

namespace grouter {
namespace {

uint32_t OneIfZero(uint32_t value) { return std::max(value, 1u); }

absl::StatusOr<TokenSplit> SplitOf(const v1::TokenSplit& wire) {
  TokenSplit split;
  split.context_rank = wire.context_parallel_rank();
  split.context_size = OneIfZero(wire.context_parallel_size());
  split.sequence_rank = wire.sequence_parallel_rank();
  split.sequence_size = OneIfZero(wire.sequence_parallel_size());
  split.pad_multiple = wire.pad_multiple();
  const absl::Status checked = CheckTokenSplit(split);
  if (!checked.ok()) return BadRequest({{"token_split", std::string(checked.message())}});
  return split;
}

absl::StatusOr<std::vector<uint64_t>> SamplesOf(const v1::GetSliceRequest& request, uint64_t num_samples) {
  std::vector<uint64_t> samples;
  if (request.has_sample_list()) {
    for (const uint64_t sample : request.sample_list().samples()) {
      if (sample >= num_samples) {
        return Error(absl::StatusCode::kOutOfRange,
                     absl::StrCat("sample ", sample, " is past the end; the last is ", num_samples - 1),
                     "sample_list");
      }
      samples.push_back(sample);
    }
    return samples;
  }
  const v1::EvenSplit& even = request.even_split();
  const uint32_t ranks = OneIfZero(even.data_parallel_size());
  const uint32_t micro_batches = OneIfZero(even.num_micro_batches());
  std::vector<FieldViolation> wrong;
  if (even.data_parallel_rank() >= ranks) {
    wrong.push_back({"even_split.data_parallel_rank", absl::StrCat("must be below ", ranks)});
  }
  if (even.micro_batch() >= micro_batches) {
    wrong.push_back({"even_split.micro_batch", absl::StrCat("must be below ", micro_batches)});
  }
  if (!wrong.empty()) return BadRequest(wrong);
  const EvenShare mine = ShareOf(num_samples, even.data_parallel_rank(), ranks);
  const EvenShare part = ShareOf(mine.count, even.micro_batch(), micro_batches);
  for (uint64_t s = 0; s < part.count; ++s) samples.push_back(mine.first + part.first + s);
  return samples;
}

// Bits [first, first + count) of a bitmap, moved to its start; empty when none is set.
std::string BitsOf(absl::string_view bitmap, uint32_t first, uint32_t count) {
  std::string bits((count + 7) / 8, '\0');
  bool any = false;
  for (uint32_t t = 0; t < count; ++t) {
    const uint32_t bit = first + t;
    if ((static_cast<uint8_t>(bitmap[bit / 8]) >> (bit % 8) & 1) == 0) continue;
    bits[t / 8] = static_cast<char>(bits[t / 8] | 1 << (t % 8));
    any = true;
  }
  return any ? bits : std::string();
}

}  // namespace

absl::StatusOr<std::unique_ptr<SliceFeed>> SliceFeed::Create(const v1::GetSliceRequest& request,
                                                             std::shared_ptr<const RoutingTable> table) {
  const TableHeader& header = table->header();
  if (!request.table_digest().empty() && request.table_digest() != table->content_digest().Hex()) {
    return Error(absl::StatusCode::kFailedPrecondition,
                 absl::StrCat("the batch is table ", table->content_digest().ShortHex()), "table_digest",
                 "Ask without a digest, or for the batch you mean.");
  }
  std::unique_ptr<SliceFeed> feed(new SliceFeed);
  GROUTER_ASSIGN_OR_RETURN(const TokenSplit split, SplitOf(request.token_split()));
  GROUTER_ASSIGN_OR_RETURN(const std::vector<uint64_t> samples, SamplesOf(request, table->num_samples()));
  feed->first_group_ = request.layer_groups().first();
  const uint64_t groups = request.layer_groups().count();
  if (feed->first_group_ >= header.num_layer_groups ||
      feed->first_group_ + groups > header.num_layer_groups) {
    return Error(absl::StatusCode::kOutOfRange,
                 absl::StrCat("the batch has ", header.num_layer_groups, " layer groups"), "layer_groups");
  }
  feed->num_groups_ =
      groups > 0 ? static_cast<uint32_t>(groups) : header.num_layer_groups - feed->first_group_;
  feed->token_bytes_ =
      uint64_t{header.k} * (header.id_width + WeightBytes(header.weight_type)) + header.per_token_k;

  v1::ReplaySliceHead& head = feed->head_;
  head.set_table_digest(table->content_digest().Hex());
  head.set_num_experts(header.num_experts);
  head.set_k(header.k);
  head.set_id_bytes(header.id_width);
  head.set_weight_bytes(WeightBytes(header.weight_type));
  head.mutable_layer_groups()->set_first(feed->first_group_);
  head.mutable_layer_groups()->set_count(feed->num_groups_);
  uint64_t tokens = 0;
  for (const uint64_t sample : samples) {
    feed->tokens_.push_back(TokensOf(table->facts(sample).length, split));
    head.add_samples(sample);
    head.add_local_tokens(feed->tokens_.back().num_tokens);
    for (const LocalPiece& piece : feed->tokens_.back().pieces) tokens += piece.count;
  }
  head.set_payload_bytes(tokens * feed->num_groups_ * feed->token_bytes_);
  feed->table_ = std::move(table);
  return feed;
}

bool SliceFeed::Advance() {
  while (sample_ < tokens_.size()) {
    const std::vector<LocalPiece>& pieces = tokens_[sample_].pieces;
    if (piece_ < pieces.size() && done_ < pieces[piece_].count) return true;
    done_ = 0;
    if (piece_ + 1 < pieces.size()) {
      ++piece_;
      continue;
    }
    piece_ = 0;
    // A sample of which this rank holds no token has no pieces in any layer group.
    if (!pieces.empty() && ++group_ < num_groups_) continue;
    group_ = 0;
    ++sample_;
  }
  return false;
}

void SliceFeed::AddPiece(const RouteView& routes, const LocalPiece& piece, uint32_t layer_group,
                         v1::GetSliceResponse* message) const {
  v1::ReplayPiece* out = message->add_pieces();
  out->set_sample(head_.samples(static_cast<int>(sample_)));
  out->set_layer_group(layer_group);
  out->set_first_token(piece.first);
  out->set_num_tokens(piece.count);
  out->set_first_local_token(piece.local);
  const RouteView view = routes.Slice(piece.first, piece.count);
  out->set_ids(view.ids.data(), view.ids.size());
  out->set_weights(view.weights.data(), view.weights.size());
  out->set_num_topk(view.num_topk.data(), view.num_topk.size());
  if (!view.missing.empty()) out->set_missing(BitsOf(view.missing, view.first_bit, piece.count));
}

absl::StatusOr<bool> SliceFeed::Next(v1::GetSliceResponse* message) {
  message->Clear();
  uint64_t room = std::max<uint64_t>(kMaxSliceMessageBytes / token_bytes_, 1);  // tokens
  while (room > 0 && Advance()) {
    const uint32_t layer_group = first_group_ + group_;
    const LocalPiece& whole = tokens_[sample_].pieces[piece_];
    GROUTER_ASSIGN_OR_RETURN(const RouteView routes,
                             table_->CheckedRoutes(head_.samples(static_cast<int>(sample_)), layer_group));
    LocalPiece piece;
    piece.first = whole.first + done_;
    piece.local = whole.local + done_;
    piece.count = static_cast<uint32_t>(std::min<uint64_t>(whole.count - done_, room));
    AddPiece(routes, piece, layer_group, message);
    done_ += piece.count;
    room -= piece.count;
  }
  return message->pieces_size() > 0;
}

}  // namespace grouter
