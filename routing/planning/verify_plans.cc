#include "routing/planning/verify_plans.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "io/digest.h"
#include "io/error.h"
#include "routing/planning/certificate.h"

namespace grouter {
namespace {

// How often each sample came, epoch by epoch. A table's samples are told apart by (table, epoch of its
// split); how many samples of each table came before the range follows from the blend, counted one by one
// here.
class EpochBook {
 public:
  EpochBook(const JobDraft& draft, const std::vector<std::shared_ptr<const RoutingTable>>& tables,
            uint64_t first_position) {
    for (size_t t = 0; t < tables.size(); ++t) {
      for (const DataSplit& split : tables[t]->header().splits) {
        if (split.name == draft.tables[t].split) splits_.push_back(split);
      }
    }
    std::vector<uint64_t> counts(tables.size(), 0);
    for (uint64_t p = 0; p < first_position && tables.size() > 1; ++p) {
      size_t turn = 0;  // the table whose next sample is due first: (2n + 1) / weight
      for (size_t t = 1; t < counts.size(); ++t) {
        const auto due = [&](size_t i, size_t other) {
          return static_cast<unsigned __int128>(2 * counts[i] + 1) * draft.tables[other].weight;
        };
        if (due(t, turn) < due(turn, t)) turn = t;
      }
      ++counts[turn];
    }
    if (tables.size() == 1) counts[0] = first_position;
    taken_ = counts;
    seen_.resize(tables.size());
  }

  // The samples of one table in one step, in any order among themselves. A step may end an epoch, hold whole
  // ones of a small split, and begin the next: each sample must come once for every epoch that ends here and
  // in which it was still due, and at most once more. Returns what is wrong, or nothing.
  std::string Add(uint32_t table, const std::vector<uint64_t>& samples) {
    const DataSplit& split = splits_[table];
    std::map<uint64_t, uint64_t> times;
    for (uint64_t sample : samples) {
      if (sample < split.first_sample || sample >= split.first_sample + split.num_samples) {
        return absl::StrCat("sample ", sample, " of table ", table, " is not in split ", split.name);
      }
      ++times[sample];
    }
    std::set<uint64_t>& seen = seen_[table];
    const uint64_t room = split.num_samples - taken_[table] % split.num_samples;
    taken_[table] += samples.size();
    if (samples.size() < room) {
      for (const auto& [sample, count] : times) {
        if (count > 1 || !seen.insert(sample).second) {
          return absl::StrCat("sample ", sample, " of table ", table, " comes twice in one epoch");
        }
      }
      return "";
    }
    std::set<uint64_t> next;
    if (watched_from_begin_.count(table) != 0) {
      const uint64_t whole_epochs = (samples.size() - room) / split.num_samples;
      for (uint64_t s = split.first_sample; s < split.first_sample + split.num_samples; ++s) {
        const uint64_t due = whole_epochs + (seen.count(s) == 0 ? 1 : 0);
        const auto found = times.find(s);
        const uint64_t came = found == times.end() ? 0 : found->second;
        if (came < due) return absl::StrCat("sample ", s, " of table ", table, " does not come in an epoch");
        if (came > due + 1)
          return absl::StrCat("sample ", s, " of table ", table, " comes twice in one epoch");
        if (came > due) next.insert(s);
      }
    }
    seen = std::move(next);
    return "";
  }
  // An epoch that the range does not contain from its begin is only checked for samples that come twice.
  void StartsAtBegin(uint32_t table) {
    if (taken_[table] % splits_[table].num_samples == 0) watched_from_begin_.insert(table);
  }
  uint32_t num_tables() const { return static_cast<uint32_t>(splits_.size()); }

 private:
  std::vector<DataSplit> splits_;
  std::vector<uint64_t> taken_;
  std::vector<std::set<uint64_t>> seen_;
  std::set<uint32_t> watched_from_begin_;
};

class Verifier {
 public:
  Verifier(const JobSpec& spec, const std::vector<std::shared_ptr<const RoutingTable>>& tables,
           const PlacementSchedule& schedule, const PlansUnderTest& plans, uint64_t first,
           size_t max_findings)
      : spec_(spec),
        tables_(tables),
        schedule_(schedule),
        plans_(plans),
        max_findings_(max_findings),
        book_(spec.draft, tables,
              (spec.draft.continues.has_value() ? spec.draft.continues->consumed_samples : 0) +
                  first * spec.draft.batch.samples_per_step) {
    for (uint32_t t = 0; t < book_.num_tables(); ++t) book_.StartsAtBegin(t);
  }

  absl::Status Step(uint64_t step) {
    const uint32_t world = spec_.draft.topology.world_size();
    std::vector<StepPart> parts(world);
    for (uint32_t r = 0; r < world; ++r) {
      GROUTER_ASSIGN_OR_RETURN(parts[r], plans_.step_part(step, r));
      Note(step, r, CheckStepPart(spec_, schedule_, r, parts[r]));
      SameForAll(step, r, parts[0], parts[r]);
    }
    std::vector<std::pair<uint32_t, uint64_t>> samples;
    for (uint32_t m = 0; m < spec_.draft.batch.num_micro_batches; ++m) {
      std::vector<MicroBatchPlan> plans;
      for (uint32_t r = 0; r < world; ++r) {
        GROUTER_ASSIGN_OR_RETURN(MicroBatchPlan plan, plans_.micro_batch(step, r, m));
        if (plan.step != step || plan.rank != r || plan.micro_batch != m)
          Find(step, r, "a plan of another key");
        const Placement& placement = schedule_.epochs[schedule_.EpochOf(step)].placement;
        Note(step, r, CheckMicroBatchPlan(spec_, placement, plan));
        for (const PlannedSample& sample : plan.samples) samples.emplace_back(sample.table, sample.sample);
        plans.push_back(std::move(plan));
      }
      if (report_.findings.empty()) CheckMatrices(step, plans);
    }
    CheckSamples(step, parts[0], samples);
    if (plans_.sample_list) {
      GROUTER_ASSIGN_OR_RETURN(const std::vector<SampleRef> list, plans_.sample_list(step));
      CheckList(step, parts[0], list, std::move(samples));
    }
    for (uint32_t first = 0; first < world; first += spec_.draft.ep_size) CheckTransfers(step, first, parts);
    ++report_.num_steps;
    return absl::OkStatus();
  }

  bool full() const { return report_.findings.size() >= max_findings_; }
  VerifyReport Take() { return std::move(report_); }

 private:
  template <typename... Parts>
  void Find(uint64_t step, uint32_t rank, const Parts&... parts) {
    if (!full()) report_.findings.push_back(absl::StrCat("step ", step, ", rank ", rank, ": ", parts...));
  }
  void Note(uint64_t step, uint32_t rank, const absl::Status& status) {
    if (!status.ok()) Find(step, rank, status.message());
  }

  void SameForAll(uint64_t step, uint32_t rank, const StepPart& a, const StepPart& b) {
    const auto key = [](const StepPart& p) {
      return std::tie(p.step, p.num_steps, p.placement_epoch, p.first_sample_position, p.num_samples,
                      p.sample_list_digest, p.num_loss_tokens, p.num_tokens);
    };
    if (key(a) != key(b) || b.step != step) Find(step, rank, "its step part differs from rank 0's");
  }

  void CheckSamples(uint64_t step, const StepPart& part, std::vector<std::pair<uint32_t, uint64_t>> samples) {
    if (samples.size() != part.num_samples) {
      Find(step, 0, "ranks hold ", samples.size(), " samples of ", part.num_samples);
      return;
    }
    uint64_t tokens = 0, loss_tokens = 0;
    std::map<uint32_t, std::vector<uint64_t>> by_table;
    for (const auto& [table, sample] : samples) {
      if (table >= tables_.size() || sample >= tables_[table]->num_samples()) {
        Find(step, 0, "no sample ", sample, " in table ", table);
        return;
      }
      const SampleFacts facts = tables_[table]->facts(sample);
      tokens += facts.length;
      loss_tokens += facts.num_loss_tokens;
      by_table[table].push_back(sample);
    }
    if (tokens != part.num_tokens || loss_tokens != part.num_loss_tokens) {
      Find(step, 0, "num_tokens ", part.num_tokens, " and num_loss_tokens ", part.num_loss_tokens,
           ", counted ", tokens, " and ", loss_tokens);
    }
    for (const auto& [table, list] : by_table) {
      const std::string finding = book_.Add(table, list);
      if (!finding.empty()) Find(step, 0, finding);
    }
    report_.num_samples += samples.size();
    report_.num_tokens += tokens;
  }

  void CheckList(uint64_t step, const StepPart& part, const std::vector<SampleRef>& list,
                 std::vector<std::pair<uint32_t, uint64_t>> samples) {
    std::string bytes;
    std::vector<std::pair<uint32_t, uint64_t>> listed;
    for (const SampleRef& ref : list) {
      for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<char>(ref.table >> (8 * i)));
      for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(ref.sample >> (8 * i)));
      listed.emplace_back(ref.table, ref.sample);
    }
    if (Sha256(bytes) != part.sample_list_digest) Find(step, 0, "the sample list has another digest");
    std::sort(listed.begin(), listed.end());
    std::sort(samples.begin(), samples.end());
    if (listed != samples) Find(step, 0, "the ranks do not hold the samples of the step's list");
  }

  // What leaves one rank arrives at the other.
  void CheckMatrices(uint64_t step, const std::vector<MicroBatchPlan>& plans) {
    const uint32_t ep_size = spec_.draft.ep_size;
    size_t fewest = SIZE_MAX, most = 0;
    uint64_t sent = 0, received = 0, busiest = 0;
    for (const MicroBatchPlan& plan : plans) {
      fewest = std::min(fewest, plan.samples.size());
      most = std::max(most, plan.samples.size());
      sent += plan.certificate.num_pairs_sent;
      received += plan.certificate.num_pairs_received;
      busiest = std::max(busiest, plan.certificate.num_pairs_received);
    }
    if (most - fewest > 1) Find(step, 0, "one rank has ", most, " samples and another ", fewest);
    if (sent != received) Find(step, 0, sent, " pairs leave and ", received, " arrive");
    report_.num_pairs += sent;
    for (const MicroBatchPlan& plan : plans) {
      if (plan.certificate.max_rank_pairs != busiest ||
          plan.certificate.mean_rank_pairs != received / plans.size()) {
        Find(step, plan.rank, "its certificate names another load of the world");
      }
    }
    for (uint32_t first = 0; first < plans.size(); first += ep_size) {
      for (size_t g = 0; g < plans[first].layer_groups.size(); ++g) {
        for (uint32_t c = 0; c < spec_.draft.batch.num_chunks; ++c) CheckChunk(step, plans, first, g, c);
      }
    }
  }

  void CheckChunk(uint64_t step, const std::vector<MicroBatchPlan>& plans, uint32_t first, size_t g,
                  uint32_t c) {
    const uint32_t ep_size = spec_.draft.ep_size;
    const LayerPlacement& layer =
        schedule_.epochs[schedule_.EpochOf(step)].placement[plans[first].layer_groups[g].layer_group];
    const auto chunk_of = [&](uint32_t r) -> const ChunkPlan& {
      return plans[first + r].layer_groups[g].chunks[c];
    };
    for (uint32_t a = 0; a < ep_size; ++a) {
      const ChunkPlan& sender = chunk_of(a);
      std::map<uint32_t, uint64_t> tokens_of;  // expert -> this source's tokens
      const MicroBatchPlan& plan = plans[first + a];
      for (size_t s = 0; s < plan.samples.size(); ++s) {
        const RouteView& view = plan.layer_groups[g].routes[s];
        for (uint32_t t = 0; t < view.num_tokens; ++t) {
          const uint64_t token = uint64_t{plan.samples[s].first_token} + t;
          if (token < sender.first_token || token >= uint64_t{sender.first_token} + sender.num_tokens)
            continue;
          for (uint32_t j = 0; j < view.NumTopk(t); ++j) ++tokens_of[view.Id(t, j)];
        }
      }
      std::map<uint32_t, uint64_t> arrived;
      for (uint32_t b = 0; b < ep_size; ++b) {
        const ChunkPlan& receiver = chunk_of(b);
        if (sender.send_splits[b] != receiver.recv_splits[a]) {
          Find(step, first + a, "sends ", sender.send_splits[b], " rows to rank ", first + b,
               ", which expects ", receiver.recv_splits[a]);
        }
        if (!sender.forward_send_splits.empty() &&
            sender.forward_send_splits[b] != receiver.forward_recv_splits[a]) {
          Find(step, first + a, "forwards ", sender.forward_send_splits[b], " rows to rank ", first + b,
               ", which expects ", receiver.forward_recv_splits[a]);
        }
        for (uint32_t slot = 0; slot < layer.num_slots(b); ++slot) {
          const uint32_t count = receiver.recv_counts[size_t{a} * layer.num_slots(b) + slot];
          if (count > 0) arrived[layer.ExpertAt(SlotRef{b, slot})] += count;
        }
      }
      if (arrived != tokens_of) Find(step, first + a, "not every token's pairs arrive at their experts");
    }
  }

  // Ranks take the transfers of their lists in order, each with its peer; stuck lists are a finding.
  void CheckTransfers(uint64_t step, uint32_t first, const std::vector<StepPart>& parts) {
    const uint32_t ep_size = spec_.draft.ep_size;
    std::vector<std::vector<const Transfer*>> lists(ep_size);
    size_t left = 0;
    for (uint32_t r = 0; r < ep_size; ++r) {
      for (const Transfer& transfer : parts[first + r].transfers) {
        if (transfer.peer_rank != r) lists[r].push_back(&transfer);
      }
      left += lists[r].size();
    }
    report_.num_transfers += left / 2;
    std::vector<size_t> at(ep_size, 0);
    for (bool moved = true; moved && left > 0;) {
      moved = false;
      for (uint32_t a = 0; a < ep_size; ++a) {
        while (at[a] < lists[a].size()) {
          const Transfer& mine = *lists[a][at[a]];
          const uint32_t b = mine.peer_rank;
          if (at[b] >= lists[b].size()) break;
          const Transfer& other = *lists[b][at[b]];
          if (other.peer_rank != a || other.kind != mine.kind || other.layer != mine.layer ||
              other.expert != mine.expert || other.bytes != mine.bytes || other.outgoing == mine.outgoing) {
            break;
          }
          ++at[a];
          ++at[b];
          left -= 2;
          moved = true;
        }
      }
    }
    if (left > 0)
      Find(step, first, left, " transfers between ranks wait for each other in a ring or have no peer");
  }

  const JobSpec& spec_;
  const std::vector<std::shared_ptr<const RoutingTable>>& tables_;
  const PlacementSchedule& schedule_;
  const PlansUnderTest& plans_;
  const size_t max_findings_;
  EpochBook book_;
  VerifyReport report_;
};

}  // namespace

absl::StatusOr<VerifyReport> VerifyPlans(const JobSpec& spec,
                                         const std::vector<std::shared_ptr<const RoutingTable>>& tables,
                                         const PlacementSchedule& schedule, const PlansUnderTest& plans,
                                         uint64_t first, uint64_t last, size_t max_findings) {
  if (first > last) {
    return Error(absl::StatusCode::kInvalidArgument, absl::StrCat("steps ", first, "..", last), "verify",
                 "give a range whose begin is not past its end");
  }
  Verifier verifier(spec, tables, schedule, plans, first, max_findings);
  for (uint64_t step = first; step <= last && !verifier.full(); ++step) {
    GROUTER_RETURN_IF_ERROR(verifier.Step(step));
  }
  return verifier.Take();
}

}  // namespace grouter
