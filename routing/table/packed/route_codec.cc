#include "routing/table/packed/route_codec.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "routing/table/format.h"
#include "routing/table/packed/assembly_kernels.h"
#include "routing/table/varint.h"

namespace grouter {
namespace {

constexpr uint32_t kCodecVersion = 2;  // 1: without f32's whole rest (WeightCode), and still written so
constexpr uint32_t kClassBits = 2;

absl::Status Damaged(absl::string_view what) {
  return Error(absl::StatusCode::kDataLoss, what, "",
               "run `grouter table verify`, then pack the table again");
}

uint64_t ClassBytes(uint32_t num_experts) { return (uint64_t{num_experts} * kClassBits + 7) / 8; }

std::string PackClasses(absl::Span<const uint8_t> classes) {
  std::string bytes(ClassBytes(static_cast<uint32_t>(classes.size())), 0);
  for (size_t e = 0; e < classes.size(); ++e)
    bytes[e / 4] |= static_cast<char>(classes[e] << (e % 4 * kClassBits));
  return bytes;
}

// False when a class has the wrong size.
bool UnpackClasses(absl::string_view bytes, uint32_t num_experts, std::vector<uint8_t>* classes) {
  uint32_t sizes[kNumSampleClasses];
  SampleClassSizes(num_experts, sizes);
  classes->resize(num_experts);
  for (uint32_t e = 0; e < num_experts; ++e) {
    const uint8_t c = static_cast<uint8_t>(bytes[e / 4]) >> (e % 4 * kClassBits) & 3;
    (*classes)[e] = c;
    if (sizes[c]-- == 0) return false;
  }
  return true;
}

// What the ids of a token that has fewer than k cost least.
uint16_t CheapestPlace(const PlaneCode& code) {
  const auto* best = std::max_element(code.frequency.begin(), code.frequency.end());
  return static_cast<uint16_t>(code.base + ((best - code.frequency.begin()) << code.low_bits));
}

// Memory that is written soon.
void AskFor(const char* bytes, size_t size) {
  for (size_t i = 0; i < size; i += 64) __builtin_prefetch(bytes + i, 1);
}

bool FastIds(const GroupCode& group, const TableHeader& h) {
  if (h.k != 8 || h.per_token_k || group.ids_by_pairs || !group.order.empty() || group.lists.stride() != 128)
    return false;
  return std::all_of(group.planes.codes.begin(), group.planes.codes.end(), [](const PlaneCode& code) {
    return code.base == 0 && !code.has_escape && uint32_t{code.num_symbols} << code.low_bits <= 128;
  });
}

}  // namespace

void SampleClassSizes(uint32_t num_experts, uint32_t sizes[kNumSampleClasses]) {
  sizes[0] = sizes[3] = num_experts * 5 / 32;
  sizes[1] = (num_experts - 2 * sizes[0]) / 2;
  sizes[2] = num_experts - 2 * sizes[0] - sizes[1];
}

std::vector<uint8_t> SampleClasses(const RouteView& record, absl::Span<const double> share) {
  const uint32_t n = static_cast<uint32_t>(share.size());
  std::vector<double> preference(n);
  for (uint32_t t = 0; t < record.num_tokens; ++t) {
    for (uint32_t j = 0; j < record.NumTopk(t); ++j) ++preference[record.Id(t, j)];
  }
  for (uint32_t e = 0; e < n; ++e) preference[e] /= share[e];
  std::vector<uint32_t> experts(n);
  std::iota(experts.begin(), experts.end(), 0);
  std::stable_sort(experts.begin(), experts.end(),
                   [&](uint32_t a, uint32_t b) { return preference[a] > preference[b]; });
  uint32_t sizes[kNumSampleClasses];
  SampleClassSizes(n, sizes);
  std::vector<uint8_t> classes(n);
  uint32_t next = 0;
  for (uint8_t c = 0; c < kNumSampleClasses; ++c) {
    for (uint32_t i = 0; i < sizes[c]; ++i) classes[experts[next++]] = c;
  }
  return classes;
}

void SortByClass(const uint8_t* list, absl::Span<const uint8_t> classes, uint8_t* sorted) {
  const uint32_t n = static_cast<uint32_t>(classes.size());
  uint32_t sizes[kNumSampleClasses];
  SampleClassSizes(n, sizes);
  uint32_t next[kNumSampleClasses] = {0, sizes[0], sizes[0] + sizes[1], n - sizes[3]};
  for (uint32_t r = 0; r < n; ++r) sorted[next[classes[list[r]]]++] = list[r];
}

RouteCodec::RouteCodec(TableHeader header, const Digest& dataset_digest, std::vector<GroupCode> groups)
    : header_(std::move(header)), dataset_digest_(dataset_digest), groups_(std::move(groups)) {
  GROUTER_CHECK(groups_.size() == header_.num_layer_groups);
}

std::string RouteCodec::Encode() const {
  ByteWriter out;
  const bool has_whole_rest = std::any_of(
      groups_.begin(), groups_.end(), [](const GroupCode& group) { return group.weights.HasWholeRest(); });
  out.Put<uint32_t>(has_whole_rest ? 2 : 1);
  out.PutDigest(dataset_digest_);
  for (const GroupCode& group : groups_) {
    out.Put<uint8_t>(group.ids_by_pairs);
    if (group.ids_by_pairs) {
      group.pairs.Encode(&out);
    } else {
      group.lists.Encode(&out);
      out.PutString(absl::string_view(reinterpret_cast<const char*>(group.order.data()),
                                      group.order.empty() ? 0 : header_.num_experts));
    }
    for (const PlaneCode& code : group.planes.codes) EncodePlaneCode(code, &out);
    if (header_.weight_type != WeightType::kNone) group.weights.Encode(&out);
  }
  return out.Take();
}

absl::StatusOr<std::shared_ptr<const RouteCodec>> RouteCodec::Decode(const TableHeader& header,
                                                                     absl::string_view section) {
  const auto bad = [](absl::string_view what) {
    return Error(absl::StatusCode::kInvalidArgument, what, "codec section", "pack the table again");
  };
  ByteReader in(section);
  const uint32_t version = in.Get<uint32_t>();
  if (in.ok() && (version == 0 || version > kCodecVersion)) {
    return Error(absl::StatusCode::kUnimplemented,
                 absl::StrCat("code ", version, " of packed tables is not known here"), "codec section",
                 "use a newer Grouter, or pack the table with this one");
  }
  const Digest dataset_digest = in.GetDigest();
  if (header.num_layer_groups > section.size()) return bad("it is cut short");
  std::vector<GroupCode> groups(header.num_layer_groups);
  uint64_t list_bytes = 0;
  for (GroupCode& group : groups) {
    const uint8_t by_pairs = in.Get<uint8_t>();
    if (!in.ok() || by_pairs > 1 || (by_pairs == 1 && header.num_experts > kMaxPairExperts))
      return bad("it is cut short, or holds an unknown code");
    group.ids_by_pairs = by_pairs == 1;
    if (group.ids_by_pairs) {
      GROUTER_ASSIGN_OR_RETURN(group.pairs, PairModel::Decode(header.num_experts, header.k, &in));
    } else {
      GROUTER_ASSIGN_OR_RETURN(group.lists, ExpertLists::Decode(header.num_experts, &in));
      list_bytes += uint64_t{group.lists.stride()} * group.lists.num_lists();
      if (list_bytes > kMaxListBytes) return bad("its lists are absurdly large");
      const std::string order = in.GetString();
      group.order.assign(order.begin(), order.end());
      std::vector<bool> seen(256);
      for (uint8_t position : group.order) {
        if (position >= header.num_experts || seen[position]) return bad("an order holds a position twice");
        seen[position] = true;
      }
      if (!group.order.empty() && (group.order.size() != header.num_experts || header.num_experts > 256))
        return bad("an order has the wrong size");
      group.order.resize(group.order.empty() ? 0 : 256);
    }
    std::vector<PlaneCode> codes;
    const uint32_t planes = (group.ids_by_pairs ? 0 : header.k) + (header.per_token_k ? 1 : 0);
    for (uint32_t p = 0; p < planes; ++p) {
      GROUTER_ASSIGN_OR_RETURN(PlaneCode code, DecodePlaneCode(&in));
      codes.push_back(code);
    }
    group.planes = PlaneTables(std::move(codes));
    if (header.weight_type != WeightType::kNone) {
      GROUTER_ASSIGN_OR_RETURN(group.weights, WeightCode::Decode(header.weight_type, header.k, &in));
    }
  }
  if (!in.AtEnd()) return bad("it does not end where it should");
  return std::make_shared<const RouteCodec>(header, dataset_digest, std::move(groups));
}

void RouteCodec::IdValues(uint32_t layer_group, absl::Span<const uint32_t> tokens, const RouteView& record,
                          absl::Span<const uint8_t> classes, std::vector<uint16_t>* values) const {
  const GroupCode& group = groups_[layer_group];
  const uint32_t n = header_.num_experts;
  const uint64_t length = record.num_tokens;
  const uint32_t slots = group.ids_by_pairs ? 0 : header_.k;
  const size_t begin = values->size();
  values->resize(begin + group.planes.codes.size() * length);
  uint16_t* planes = values->data() + begin;
  for (uint64_t t = 0; t < length && header_.per_token_k; ++t)
    planes[slots * length + t] =
        record.IsMissing(static_cast<uint32_t>(t)) ? 0 : record.NumTopk(static_cast<uint32_t>(t));
  if (slots == 0) return;
  std::vector<uint16_t> cheapest;
  for (uint32_t p = 0; p < slots; ++p) cheapest.push_back(CheapestPlace(group.planes.codes[p]));
  std::vector<uint16_t> place_in_order(256);
  for (uint32_t r = 0; r < n && !group.order.empty(); ++r) place_in_order[group.order[r]] = r;
  // Places of the lists that the record uses, one after the other; end_of: where a list's end (0: unused).
  std::vector<uint16_t> places;
  std::vector<size_t> end_of(group.lists.num_lists());
  std::array<uint8_t, 256> sorted;
  for (uint32_t t = 0; t < length; ++t) {
    const uint32_t used = record.NumTopk(t);
    const uint32_t list = tokens.empty() ? 0 : group.lists.ListOf(tokens[t]);
    const bool is_new = end_of[list] == 0;
    if (is_new) {
      places.resize(places.size() + n);
      end_of[list] = places.size();
    }
    uint16_t* const place = places.data() + end_of[list] - n;
    if (is_new) {
      if (n > 256) {
        for (uint32_t r = 0; r < n; ++r) place[group.lists.common()[r]] = static_cast<uint16_t>(r);
      } else if (group.order.empty()) {
        const uint8_t* experts = group.lists.lists() + size_t{list} * group.lists.stride();
        for (uint32_t r = 0; r < n; ++r) place[experts[r]] = static_cast<uint16_t>(r);
      } else {
        SortByClass(group.lists.lists() + size_t{list} * group.lists.stride(), classes, sorted.data());
        for (uint32_t r = 0; r < n; ++r) place[sorted[r]] = place_in_order[r];
      }
    }
    for (uint32_t j = 0; j < slots; ++j)
      planes[j * length + t] = j < used ? place[record.Id(t, j)] : cheapest[j];
  }
}

absl::StatusOr<std::string> RouteCodec::EncodeRecord(uint32_t layer_group, absl::Span<const uint32_t> tokens,
                                                     const RouteView& record) const {
  const GroupCode& group = groups_[layer_group];
  const uint64_t length = record.num_tokens;
  if (length == 0) return std::string();
  for (uint32_t t = 0; t < length; ++t) {
    if (record.NumTopk(t) > header_.k) return Damaged(absl::StrCat("k_t of token ", t, " is too large"));
    for (uint32_t j = 0; j < record.NumTopk(t); ++j) {
      if (record.Id(t, j) >= header_.num_experts)
        return Damaged(absl::StrCat("an id of token ", t, " is too large"));
    }
  }
  std::string pairs;
  std::vector<uint8_t> classes;
  if (group.ids_by_pairs) {
    GROUTER_ASSIGN_OR_RETURN(pairs, group.pairs.EncodeIds(record));
  } else if (!group.order.empty()) {
    classes = SampleClasses(record, group.lists.shares());
  }
  std::vector<uint16_t> values;
  IdValues(layer_group, tokens, record, classes, &values);
  const CodedPlanes ids = EncodePlanes(group.planes.codes, values, length);
  values.clear();
  CodedPlanes weights;
  if (header_.weight_type != WeightType::kNone) {
    group.weights.Values(record, &values);
    weights = EncodePlanes(group.weights.planes().codes, values, length);
  }
  std::string out;
  using Parts = std::initializer_list<const std::string*>;
  for (const std::string* part : Parts{&pairs, &ids.stream, &weights.stream, &ids.listed, &weights.listed})
    PutVarint(part->size(), &out);
  if (!classes.empty()) out.append(PackClasses(classes));
  if (!record.missing.empty()) {
    const size_t begin = out.size();
    out.resize(begin + (length + 7) / 8);
    for (uint32_t t = 0; t < length; ++t)
      out[begin + t / 8] |= static_cast<char>((record.IsMissing(t) ? 1 : 0) << (t % 8));
  }
  for (const std::string* part :
       Parts{&pairs, &ids.stream, &weights.stream, &ids.low, &weights.low, &ids.listed, &weights.listed})
    out.append(*part);
  if (header_.weight_type != WeightType::kNone) out.append(group.weights.LowHalves(record));
  out.resize(AlignUp8(std::max<uint64_t>(out.size(), length / kMaxTokensPerByte)));
  return out;
}

bool RouteDecoder::IsPlausible(uint64_t num_tokens, uint64_t payload_bytes) {
  return num_tokens / kMaxTokensPerByte <= payload_bytes;
}

absl::StatusOr<RecordParts> RecordParts::Read(const RouteCodec& codec, uint32_t layer_group,
                                              uint64_t num_tokens, bool has_missing,
                                              absl::string_view payload) {
  const GroupCode& group = codec.group(layer_group);
  RecordParts parts;
  parts.payload = payload;
  std::array<uint64_t, 5> sizes;
  bool fits = true;
  for (uint64_t& size : sizes) fits = fits && GetVarint(&payload, &size);
  const auto take = [&](uint64_t bytes) {
    fits = fits && bytes <= payload.size();
    const absl::string_view part = payload.substr(0, fits ? bytes : 0);
    payload.remove_prefix(part.size());
    return part;
  };
  if (fits) {
    parts.classes = take(group.order.empty() ? 0 : ClassBytes(codec.header().num_experts));
    parts.missing = take(has_missing ? (num_tokens + 7) / 8 : 0);
    parts.pairs = take(sizes[0]);
    parts.ids = take(sizes[1]);
    parts.weights = take(sizes[2]);
    parts.ids_low = take(LowBytes(group.planes.codes, num_tokens));
    parts.weights_low = take(LowBytes(group.weights.planes().codes, num_tokens));
    parts.ids_listed = take(sizes[3]);
    parts.weights_listed = take(sizes[4]);
    parts.halves = take(group.weights.LowHalfBytes(num_tokens));
  }
  const bool filled_up = parts.payload.size() == AlignUp8(num_tokens / kMaxTokensPerByte);
  if (!fits || (payload.size() >= 8 && !filled_up) ||
      payload.find_first_not_of('\0') != absl::string_view::npos) {
    return Damaged("the parts of a record do not fit");
  }
  return parts;
}

RouteDecoder::RouteDecoder(std::shared_ptr<const RouteCodec> codec, LaneKernel kernel)
    : codec_(std::move(codec)),
      kernel_(kernel),
      values_(size_t{kRunTokens} * (kMaxK + 1)),
      list_of_(kRunTokens) {}

const uint8_t* RouteDecoder::SortedList(const GroupCode& group, uint32_t list, absl::string_view classes) {
  const uint32_t stride = group.lists.stride();
  uint8_t* sorted = &sorted_[size_t{list} * stride];
  if (sorted_for_[list] != record_number_) {
    sorted_for_[list] = record_number_;
    SortByClass(group.lists.lists() + size_t{list} * stride,
                absl::Span<const uint8_t>(reinterpret_cast<const uint8_t*>(classes.data()), classes.size()),
                sorted);
  }
  return sorted;
}

void RouteDecoder::PutIds(const GroupCode& group, const uint32_t* list_of, uint32_t begin, uint32_t count,
                          const uint8_t* num_topk, absl::string_view classes, char* ids) {
  const TableHeader& h = codec_->header_;
  const uint32_t stride = group.lists.stride();
  for (uint32_t t = 0; t < count; ++t) {
    const uint32_t used = num_topk == nullptr ? h.k : num_topk[t];
    const uint16_t* places = &values_[t];
    if (stride == 0) {
      for (uint32_t j = 0; j < used; ++j) {
        const uint16_t place = places[size_t{j} * kRunTokens];
        const uint16_t id = place < h.num_experts ? group.lists.common()[place] : 0;
        std::memcpy(ids + 2 * (size_t{begin + t} * h.k + j), &id, 2);
      }
      continue;
    }
    const uint8_t* list = group.lists.lists() + size_t{list_of[t]} * stride;
    if (!group.order.empty()) list = SortedList(group, list_of[t], classes);
    for (uint32_t j = 0; j < used; ++j) {
      uint32_t place = places[size_t{j} * kRunTokens] & (stride - 1);
      if (!group.order.empty()) place = group.order[place];
      ids[size_t{begin + t} * h.k + j] = static_cast<char>(list[place]);
    }
  }
}

absl::Status RouteDecoder::Decode(uint32_t layer_group, absl::Span<const uint32_t> tokens,
                                  uint32_t num_tokens, bool has_missing, absl::string_view payload,
                                  char* record) {
  const TableHeader& h = codec_->header_;
  const GroupCode& group = codec_->groups_[layer_group];
  const RecordLayout layout = LayoutRecord(h, num_tokens, has_missing);
  GROUTER_CHECK(!codec_->needs_tokens() || tokens.size() == num_tokens);
  if (num_tokens == 0) return payload.empty() ? absl::OkStatus() : Damaged("an empty record has bytes");
  if (!IsPlausible(num_tokens, payload.size())) return Damaged("a record is absurdly short");
  GROUTER_ASSIGN_OR_RETURN(const RecordParts parts,
                           RecordParts::Read(*codec_, layer_group, num_tokens, has_missing, payload));
  const bool fast_ids = FastIds(group, h);
  const bool some_unused = has_missing || h.per_token_k;
  // Everything that is not written below: gaps, unused slots.
  if (!fast_ids || some_unused) std::memset(record, 0, layout.payload_bytes);
  std::memset(record + layout.ids_bytes, 0, layout.weights - layout.ids_bytes);
  std::memset(record + layout.weights + layout.weights_bytes, 0,
              layout.payload_bytes - layout.weights - layout.weights_bytes);
  if (has_missing) std::memcpy(record + layout.missing, parts.missing.data(), parts.missing.size());
  const auto is_missing = [&](uint32_t t) {
    return has_missing && (static_cast<uint8_t>(parts.missing[t / 8]) >> (t % 8) & 1) != 0;
  };
  std::vector<uint8_t> classes;
  if (!parts.classes.empty()) {
    if (!UnpackClasses(parts.classes, h.num_experts, &classes))
      return Damaged("a sample class has the wrong size");
    sorted_.resize(size_t{group.lists.stride()} * group.lists.num_lists());
    sorted_for_.assign(group.lists.num_lists(), 0);
    record_number_ = 1;
  }
  const absl::string_view class_view(reinterpret_cast<const char*>(classes.data()), classes.size());

  const bool has_weights = h.weight_type != WeightType::kNone;
  const bool fast_weights = has_weights && !some_unused && group.weights.IsFast();
  PlaneReader ids = parts.Ids(group, num_tokens);
  PlaneReader weights = parts.Weights(group, num_tokens);
  const uint32_t slots = group.ids_by_pairs ? 0 : h.k;
  const uint32_t weight_stride = h.k * WeightBytes(h.weight_type);
  std::vector<uint8_t> used(some_unused ? num_tokens : 0);
  std::array<const uint16_t*, kMaxK> planes;
  for (uint32_t begin = 0; begin < num_tokens; begin += kRunTokens) {
    const uint32_t count = std::min(kRunTokens, num_tokens - begin);
    // Some lists are asked for before each plane: they arrive from memory while symbols are decoded.
    const uint32_t asked = (count + slots - 1) / std::max(1u, slots);
    ids.ReadRun(count, kernel_, has_weights ? &weights : nullptr, [&](uint32_t plane) {
      const uint32_t first = plane * asked;
      const uint32_t here = first < count ? std::min(asked, count - first) : 0;
      if (fast_ids) AskFor(record + size_t{begin + first} * 8, size_t{here} * 8);
      if (fast_weights) AskFor(record + layout.weights + size_t{begin + first} * 16, size_t{here} * 16);
      if (plane >= slots || tokens.empty() || first >= count) return;
      group.lists.ListsOf(tokens.subspan(begin + first, std::min(asked, count - first)), &list_of_[first]);
    });
    const bool fast = fast_ids && count % 64 == 0 && !has_missing;
    if (fast) {
      PutIds8(kernel_, ids.AllEight(), {group.lists.lists(), group.lists.beginnings()}, list_of_.data(),
              count, reinterpret_cast<uint8_t*>(record) + size_t{begin} * 8);
      ids.SkipRun();  // lists nothing
    } else {
      for (uint32_t p = 0; p < ids.num_planes(); ++p)
        ids.Values(p, kernel_, &values_[size_t{p} * kRunTokens]);
      for (uint32_t t = 0; t < count && some_unused; ++t) {
        uint32_t k = h.k;
        if (h.per_token_k) {
          k = values_[size_t{slots} * kRunTokens + t];
          if (k > h.k) return Damaged("k_t is too large");
          record[layout.num_topk + begin + t] = static_cast<char>(k);
        }
        used[begin + t] = static_cast<uint8_t>(is_missing(begin + t) ? 0 : k);
      }
      if (slots > 0) {
        PutIds(group, list_of_.data(), begin, count, some_unused ? &used[begin] : nullptr, class_view,
               record);
      }
    }
    if (!has_weights) continue;
    char* const run_weights = record + layout.weights + size_t{begin} * weight_stride;
    if (fast_weights && count % 64 == 0) {
      group.weights.ReadWeights(&weights, count, kernel_, run_weights);
      continue;
    }
    for (uint32_t p = 0; p < h.k; ++p) {
      weights.Values(p, kernel_, &values_[size_t{p} * kRunTokens]);
      planes[p] = &values_[size_t{p} * kRunTokens];
    }
    group.weights.Weights(planes.data(), count, some_unused ? &used[begin] : nullptr,
                          parts.halves.substr(group.weights.LowHalfBytes(begin)), run_weights);
  }
  const bool pairs_end_well =
      !group.ids_by_pairs ||
      group.pairs.DecodeIds(parts.pairs, num_tokens, some_unused ? used.data() : nullptr,
                            reinterpret_cast<uint8_t*>(record));
  if (!pairs_end_well || !ids.EndsWell() || (has_weights && !weights.EndsWell()))
    return Damaged("a record's streams do not end where they should");
  return absl::OkStatus();
}

}  // namespace grouter
