#include "trainer/collectives/in_process.h"

#include <cstring>
#include <map>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "io/mutex.h"

namespace grouter {
namespace {

// What one rank brings to one collective call: bytes for each rank of the group.
struct Contribution {
  std::vector<std::string> for_rank;
};

// Calls are matched by (group, number of the call in the group): every rank makes the same calls in the same
// order. A call's entry goes when all ranks have taken theirs.
class Meeting {
 public:
  Meeting(std::chrono::milliseconds timeout) : timeout_(timeout) {}

  void Bring(const std::string& group, uint64_t call, uint32_t rank, uint32_t size,
             Contribution contribution) {
    MutexLock lock(&mutex_);
    Call& entry = calls_[{group, call}];
    entry.contributions.resize(size);
    entry.contributions[rank] = std::move(contribution);
    ++entry.num_brought;
    if (entry.num_brought == size) changed_.SignalAll();
  }

  // Each rank's bytes for `rank`, once everybody is there.
  absl::StatusOr<std::vector<std::string>> Take(const std::string& group, uint64_t call, uint32_t rank,
                                                uint32_t size) {
    const auto deadline = std::chrono::steady_clock::now() + timeout_;
    MutexLock lock(&mutex_);
    Call& entry = calls_[{group, call}];
    while (entry.num_brought < size) {
      if (!changed_.WaitUntil(&mutex_, deadline) && entry.num_brought < size) {
        return Error(
            absl::StatusCode::kDeadlineExceeded,
            absl::StrCat("collective call ", call, " met only ", entry.num_brought, " of ", size, " ranks"),
            absl::StrCat("rank ", rank, " of group ", group), "look at the ranks that did not come");
      }
    }
    std::vector<std::string> taken(size);
    for (uint32_t r = 0; r < size; ++r) taken[r] = std::move(entry.contributions[r].for_rank[rank]);
    if (++entry.num_taken == size) calls_.erase({group, call});
    return taken;
  }

 private:
  struct Call {
    std::vector<Contribution> contributions;
    uint32_t num_brought = 0;
    uint32_t num_taken = 0;
  };
  const std::chrono::milliseconds timeout_;
  Mutex mutex_;
  CondVar changed_;
  std::map<std::pair<std::string, uint64_t>, Call> calls_ ABSL_GUARDED_BY(mutex_);
};

class InProcessWork : public Work {
 public:
  InProcessWork(std::shared_ptr<Meeting> meeting, std::string group, uint64_t call, uint32_t rank,
                const RowExchange& exchange)
      : meeting_(std::move(meeting)),
        group_(std::move(group)),
        call_(call),
        rank_(rank),
        row_bytes_(exchange.row_bytes),
        recv_(static_cast<char*>(exchange.recv)),
        recv_rows_(exchange.recv_rows.begin(), exchange.recv_rows.end()) {}

  absl::Status Wait() override {
    GROUTER_ASSIGN_OR_RETURN(const std::vector<std::string> taken,
                             meeting_->Take(group_, call_, rank_, recv_rows_.size()));
    char* out = recv_;
    for (size_t r = 0; r < taken.size(); ++r) {
      if (taken[r].size() != recv_rows_[r] * row_bytes_) {
        return Error(absl::StatusCode::kInvalidArgument,
                     absl::StrCat("rank ", r, " sent ", taken[r].size(), " bytes where rank ", rank_,
                                  " expects ", recv_rows_[r] * row_bytes_),
                     absl::StrCat("exchange ", call_, " of group ", group_),
                     "give all ranks plans of one job");
      }
      if (!taken[r].empty()) std::memcpy(out, taken[r].data(), taken[r].size());
      out += taken[r].size();
    }
    return absl::OkStatus();
  }

 private:
  const std::shared_ptr<Meeting> meeting_;
  const std::string group_;
  const uint64_t call_;
  const uint32_t rank_;
  const uint64_t row_bytes_;
  char* const recv_;
  const std::vector<uint32_t> recv_rows_;
};

class InProcessCollectives : public Collectives {
 public:
  InProcessCollectives(std::shared_ptr<Meeting> meeting, std::string group, uint32_t rank, uint32_t size)
      : meeting_(std::move(meeting)), group_(std::move(group)), rank_(rank), size_(size) {}

  uint32_t rank() const override { return rank_; }
  uint32_t size() const override { return size_; }

  absl::StatusOr<std::unique_ptr<Work>> StartAllToAll(const RowExchange& exchange) override {
    GROUTER_CHECK(exchange.send_rows.size() == size_ && exchange.recv_rows.size() == size_);
    Contribution contribution;
    const char* from = static_cast<const char*>(exchange.send);
    for (uint32_t r = 0; r < size_; ++r) {
      const size_t num_bytes = exchange.send_rows[r] * exchange.row_bytes;
      contribution.for_rank.emplace_back(from, num_bytes);
      from += num_bytes;
    }
    const uint64_t call = next_call_++;
    meeting_->Bring(group_, call, rank_, size_, std::move(contribution));
    return std::unique_ptr<Work>(new InProcessWork(meeting_, group_, call, rank_, exchange));
  }

  absl::Status AllReduceSum(absl::Span<float> values, MemoryKind) override { return Reduce(values); }
  absl::Status AllReduceSum(absl::Span<double> values, MemoryKind) override { return Reduce(values); }

  absl::Status Broadcast(absl::Span<uint8_t> bytes, uint32_t root) override {
    std::string mine;
    if (rank_ == root) mine.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    GROUTER_ASSIGN_OR_RETURN(const std::vector<std::string> all, Share(std::move(mine)));
    if (all[root].size() != bytes.size()) {
      return Error(absl::StatusCode::kInvalidArgument, "broadcast of another size than expected",
                   absl::StrCat("rank ", rank_), "start all ranks with the same configuration");
    }
    std::memcpy(bytes.data(), all[root].data(), bytes.size());
    return absl::OkStatus();
  }

  absl::Status Barrier() override { return Share("").status(); }

  absl::StatusOr<std::unique_ptr<Collectives>> Subgroup(absl::Span<const uint32_t> ranks,
                                                        const std::string& name) override {
    for (uint32_t i = 0; i < ranks.size(); ++i) {
      if (ranks[i] == rank_) {
        return std::unique_ptr<Collectives>(new InProcessCollectives(
            meeting_, absl::StrCat(group_, "/", name, "/", ranks[0]), i, ranks.size()));
      }
    }
    return Error(absl::StatusCode::kInvalidArgument, "a rank outside the group asked for it", name);
  }

 private:
  absl::StatusOr<std::vector<std::string>> Share(std::string mine) {
    Contribution contribution;
    contribution.for_rank.assign(size_, mine);
    const uint64_t call = next_call_++;
    meeting_->Bring(group_, call, rank_, size_, std::move(contribution));
    return meeting_->Take(group_, call, rank_, size_);
  }

  template <typename T>
  absl::Status Reduce(absl::Span<T> values) {
    GROUTER_ASSIGN_OR_RETURN(
        const std::vector<std::string> all,
        Share(std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T))));
    std::vector<T> addend(values.size());
    for (uint32_t r = 0; r < size_; ++r) {
      if (all[r].size() != values.size() * sizeof(T)) {
        return Error(absl::StatusCode::kInvalidArgument, "ranks reduce buffers of different sizes",
                     absl::StrCat("rank ", rank_), "start all ranks with the same configuration");
      }
      if (values.empty()) continue;
      std::memcpy(addend.data(), all[r].data(), all[r].size());
      for (size_t i = 0; i < values.size(); ++i) values[i] = r == 0 ? addend[i] : values[i] + addend[i];
    }
    return absl::OkStatus();
  }

  const std::shared_ptr<Meeting> meeting_;
  const std::string group_;
  const uint32_t rank_;
  const uint32_t size_;
  uint64_t next_call_ = 0;
};

}  // namespace

std::vector<std::unique_ptr<Collectives>> MakeInProcessCollectives(uint32_t size,
                                                                   std::chrono::milliseconds timeout) {
  auto meeting = std::make_shared<Meeting>(timeout);
  std::vector<std::unique_ptr<Collectives>> ranks;
  for (uint32_t rank = 0; rank < size; ++rank) {
    ranks.push_back(std::make_unique<InProcessCollectives>(meeting, "world", rank, size));
  }
  return ranks;
}

}  // namespace grouter
