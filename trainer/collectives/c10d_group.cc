#include "trainer/collectives/c10d_group.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <thread>
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "io/error.h"
#include "trainer/collectives/gloo.h"

namespace grouter {
namespace {

using Clock = std::chrono::steady_clock;

// A view of values somebody else owns. None need no pointer.
at::Tensor View(const void* data, int64_t count, at::ScalarType type, at::Device device) {
  const auto options = at::TensorOptions().dtype(type).device(device);
  if (count == 0) return at::empty({0}, options);
  return at::from_blob(const_cast<void*>(data), {count}, options);
}

// One group's backend, and the waiting for it. What c10d throws stays inside.
class Group {
 public:
  Group(c10::intrusive_ptr<c10d::Backend> backend, at::Device device, std::chrono::milliseconds timeout)
      : backend_(std::move(backend)), device_(device), timeout_(timeout) {}

  c10d::Backend& backend() { return *backend_; }
  at::Device device() const { return device_; }
  bool on_cpu() const { return device_.is_cpu(); }
  std::string Where() const {
    return absl::StrCat("rank ", backend_->getRank(), " of ", backend_->getSize());
  }

  // Until the work is done: on CPUs by the backend's own clock, else by ours, because a stream can be waited
  // for without end.
  absl::Status Finish(c10d::Work& work) {
    if (on_cpu()) {
      work.wait();
      return absl::OkStatus();
    }
    const auto deadline = Clock::now() + timeout_;
    while (!work.isCompleted()) {
      if (Clock::now() > deadline) {
        backend_->abort();
        return Error(absl::StatusCode::kDeadlineExceeded,
                     absl::StrCat("collective not done after ", timeout_.count(), " ms"), Where(),
                     "look at the log of the rank that ended first, then resume from the last checkpoint");
      }
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
    if (const std::exception_ptr failure = work.exception()) std::rethrow_exception(failure);
    work.wait();
    return absl::OkStatus();
  }

 private:
  const c10::intrusive_ptr<c10d::Backend> backend_;
  const at::Device device_;
  const std::chrono::milliseconds timeout_;
};

class C10dWork : public Work {
 public:
  // `host`: where the rows belong when `recv` is a copy of it on the device.
  C10dWork(std::shared_ptr<Group> group, c10::intrusive_ptr<c10d::Work> work, at::Tensor send,
           at::Tensor recv, at::Tensor host, bool blocks)
      : group_(std::move(group)),
        work_(std::move(work)),
        send_(std::move(send)),
        recv_(std::move(recv)),
        host_(std::move(host)),
        blocks_(blocks) {}
  absl::Status Wait() override {
    try {
      if (!blocks_) {
        work_->wait();  // orders the stream
        return absl::OkStatus();
      }
      GROUTER_RETURN_IF_ERROR(group_->Finish(*work_));
      if (host_.defined()) host_.copy_(recv_);
      return absl::OkStatus();
    } catch (const std::exception& error) {
      return C10dError(error, group_->Where());
    }
  }

 private:
  const std::shared_ptr<Group> group_;
  const c10::intrusive_ptr<c10d::Work> work_;
  const at::Tensor send_;
  const at::Tensor recv_;
  const at::Tensor host_;
  const bool blocks_;
};

class C10dCollectives : public Collectives {
 public:
  C10dCollectives(c10::intrusive_ptr<c10d::Store> store, std::shared_ptr<Group> group,
                  MakeBackend make_backend, std::chrono::milliseconds timeout)
      : store_(std::move(store)),
        group_(std::move(group)),
        make_backend_(std::move(make_backend)),
        timeout_(timeout) {}

  uint32_t rank() const override { return static_cast<uint32_t>(group_->backend().getRank()); }
  uint32_t size() const override { return static_cast<uint32_t>(group_->backend().getSize()); }

  absl::StatusOr<std::unique_ptr<Work>> StartAllToAll(const RowExchange& exchange) override {
    GROUTER_CHECK(exchange.send_rows.size() == size() && exchange.recv_rows.size() == size());
    std::vector<int64_t> send_bytes, recv_bytes;
    int64_t num_send = 0, num_recv = 0;
    for (uint32_t r = 0; r < size(); ++r) {
      send_bytes.push_back(static_cast<int64_t>(exchange.send_rows[r] * exchange.row_bytes));
      recv_bytes.push_back(static_cast<int64_t>(exchange.recv_rows[r] * exchange.row_bytes));
      num_send += send_bytes.back();
      num_recv += recv_bytes.back();
    }
    try {
      const bool copied = Copied(exchange.memory);
      at::Tensor host;
      at::Tensor send = Place(exchange.send, num_send, at::kByte, exchange.memory);
      at::Tensor recv;
      if (copied) {
        host = View(exchange.recv, num_recv, at::kByte, at::kCPU);
        recv = at::empty({num_recv}, host.options().device(group_->device()));
      } else {
        recv = View(exchange.recv, num_recv, at::kByte, group_->device());
      }
      auto work = group_->backend().alltoall_base(recv, send, recv_bytes, send_bytes);
      return std::unique_ptr<Work>(new C10dWork(group_, std::move(work), std::move(send), std::move(recv),
                                                std::move(host), copied || group_->on_cpu()));
    } catch (const std::exception& error) {
      return C10dError(error, group_->Where());
    }
  }

  absl::Status AllReduceSum(absl::Span<float> values, MemoryKind memory) override {
    return Reduce(values.data(), values.size(), at::kFloat, memory);
  }
  absl::Status AllReduceSum(absl::Span<double> values, MemoryKind memory) override {
    return Reduce(values.data(), values.size(), at::kDouble, memory);
  }

  absl::Status Broadcast(absl::Span<uint8_t> bytes, uint32_t root) override {
    if (bytes.empty() || size() == 1) return absl::OkStatus();
    try {
      std::vector<at::Tensor> tensors = {Place(bytes.data(), bytes.size(), at::kByte, MemoryKind::kHost)};
      c10d::BroadcastOptions options;
      options.rootRank = root;
      GROUTER_RETURN_IF_ERROR(group_->Finish(*group_->backend().broadcast(tensors, options)));
      if (Copied(MemoryKind::kHost)) {
        View(bytes.data(), bytes.size(), at::kByte, at::kCPU).copy_(tensors[0]);
      }
      return absl::OkStatus();
    } catch (const std::exception& error) {
      return C10dError(error, group_->Where());
    }
  }

  absl::Status Barrier() override {
    try {
      c10d::BarrierOptions options;
      if (!group_->on_cpu()) options.device = group_->device();
      return group_->Finish(*group_->backend().barrier(options));
    } catch (const std::exception& error) {
      return C10dError(error, group_->Where());
    }
  }

  absl::StatusOr<std::unique_ptr<Collectives>> Subgroup(absl::Span<const uint32_t> ranks,
                                                        const std::string& name) override {
    for (size_t i = 0; i < ranks.size(); ++i) {
      if (ranks[i] != rank()) continue;
      auto store = c10::make_intrusive<c10d::PrefixStore>(absl::StrCat(name, "/", ranks[0]), store_);
      return MakeC10dCollectives(store, static_cast<int>(i), static_cast<int>(ranks.size()), make_backend_,
                                 group_->device(), timeout_);
    }
    return Error(absl::StatusCode::kInvalidArgument, "a rank outside the group asked for it", name);
  }

 private:
  // Is a buffer of this memory not where the backend works?
  bool Copied(MemoryKind memory) const { return !group_->on_cpu() && memory == MemoryKind::kHost; }
  // The values where the backend works: a view, or a copy.
  at::Tensor Place(const void* data, int64_t count, at::ScalarType type, MemoryKind memory) const {
    if (!Copied(memory)) return View(data, count, type, group_->device());
    return View(data, count, type, at::kCPU).to(group_->device());
  }

  absl::Status Reduce(void* values, int64_t count, at::ScalarType type, MemoryKind memory) {
    if (count == 0 || size() == 1) return absl::OkStatus();
    try {
      std::vector<at::Tensor> tensors = {Place(values, count, type, memory)};
      auto work = group_->backend().allreduce(tensors);
      if (!group_->on_cpu() && memory == MemoryKind::kDevice) {
        work->wait();  // orders the stream
        return absl::OkStatus();
      }
      GROUTER_RETURN_IF_ERROR(group_->Finish(*work));
      if (Copied(memory)) View(values, count, type, at::kCPU).copy_(tensors[0]);
      return absl::OkStatus();
    } catch (const std::exception& error) {
      return C10dError(error, group_->Where());
    }
  }

  const c10::intrusive_ptr<c10d::Store> store_;
  const std::shared_ptr<Group> group_;
  const MakeBackend make_backend_;
  const std::chrono::milliseconds timeout_;
};

}  // namespace

absl::Status C10dError(const std::exception& error, const std::string& where) {
  // c10 appends a stack trace after the first line; Gloo names its source file first.
  absl::string_view text = error.what();
  text = text.substr(0, text.find('\n'));
  const bool late = absl::StrContains(text, "imed out") || absl::StrContains(text, "imeout");
  return Error(late ? absl::StatusCode::kDeadlineExceeded : absl::StatusCode::kUnavailable,
               absl::StrCat("collective failed: ", text), where,
               "look at the log of the rank that ended first, then resume from the last checkpoint");
}

absl::StatusOr<std::unique_ptr<Collectives>> MakeC10dCollectives(c10::intrusive_ptr<c10d::Store> store,
                                                                 int rank, int size, MakeBackend make_backend,
                                                                 at::Device device,
                                                                 std::chrono::milliseconds timeout) {
  try {
    auto group = std::make_shared<Group>(make_backend(store, rank, size), device, timeout);
    return std::unique_ptr<Collectives>(
        new C10dCollectives(std::move(store), std::move(group), std::move(make_backend), timeout));
  } catch (const std::exception& error) {
    return C10dError(error, absl::StrCat("meeting of ", size, " ranks, rank ", rank));
  }
}

c10::intrusive_ptr<c10d::Store> MakeRendezvousStore(const GlooOptions& options) {
  const RankEnvironment& environment = options.environment;
  c10::intrusive_ptr<c10d::Store> store;
  if (!options.rendezvous_file.empty()) {
    store = c10::make_intrusive<c10d::FileStore>(options.rendezvous_file,
                                                 static_cast<int>(environment.world_size));
    store->setTimeout(options.timeout);
  } else {
    c10d::TCPStoreOptions tcp;
    tcp.port = environment.master_port;
    tcp.isServer = environment.rank == 0 && !environment.launcher_serves_store;
    if (!environment.launcher_serves_store) tcp.numWorkers = environment.world_size;
    tcp.timeout = options.timeout;
    store = c10::make_intrusive<c10d::TCPStore>(environment.master_address, tcp);
  }
  return c10::make_intrusive<c10d::PrefixStore>(absl::StrCat("grouter/", environment.restart), store);
}

}  // namespace grouter
