#include "trainer/collectives/c10d_group.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

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

// A view of bytes somebody else owns. Zero bytes need a pointer that is not null.
at::Tensor View(const void* data, int64_t num_bytes, bool on_cuda) {
  static char nothing;
  void* pointer = num_bytes == 0 ? &nothing : const_cast<void*>(data);
  const auto options = at::TensorOptions().dtype(at::kByte);
  if (num_bytes == 0) return at::empty({0}, on_cuda ? options.device(at::kCUDA) : options);
  return at::from_blob(pointer, {num_bytes}, on_cuda ? options.device(at::kCUDA) : options);
}

class C10dWork : public Work {
 public:
  C10dWork(c10::intrusive_ptr<c10d::Work> work, at::Tensor recv, at::Tensor send, std::string where)
      : work_(std::move(work)), recv_(std::move(recv)), send_(std::move(send)), where_(std::move(where)) {}
  absl::Status Wait() override {
    try {
      work_->wait();
      return absl::OkStatus();
    } catch (const std::exception& error) {
      return C10dError(error, where_);
    }
  }

 private:
  const c10::intrusive_ptr<c10d::Work> work_;
  const at::Tensor recv_;
  const at::Tensor send_;
  const std::string where_;
};

class C10dCollectives : public Collectives {
 public:
  C10dCollectives(c10::intrusive_ptr<c10d::Store> store, c10::intrusive_ptr<c10d::Backend> backend,
                  MakeBackend make_backend, bool on_cuda)
      : store_(std::move(store)),
        backend_(std::move(backend)),
        make_backend_(std::move(make_backend)),
        on_cuda_(on_cuda) {}

  uint32_t rank() const override { return static_cast<uint32_t>(backend_->getRank()); }
  uint32_t size() const override { return static_cast<uint32_t>(backend_->getSize()); }

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
    const bool on_cuda = on_cuda_ && exchange.kind == ExchangeKind::kRows;
    at::Tensor send = View(exchange.send, num_send, on_cuda);
    at::Tensor recv = View(exchange.recv, num_recv, on_cuda);
    try {
      auto work = backend_->alltoall_base(recv, send, recv_bytes, send_bytes);
      return std::unique_ptr<Work>(new C10dWork(std::move(work), std::move(recv), std::move(send), Where()));
    } catch (const std::exception& error) {
      return C10dError(error, Where());
    }
  }

  absl::Status AllReduceSum(absl::Span<float> values) override {
    return Reduce(values.data(), values.size(), at::kFloat);
  }
  absl::Status AllReduceSum(absl::Span<double> values) override {
    return Reduce(values.data(), values.size(), at::kDouble);
  }

  absl::Status Broadcast(absl::Span<uint8_t> bytes, uint32_t root) override {
    if (bytes.empty() || size() == 1) return absl::OkStatus();
    try {
      std::vector<at::Tensor> tensors = {OnDevice(View(bytes.data(), bytes.size(), false))};
      c10d::BroadcastOptions options;
      options.rootRank = root;
      backend_->broadcast(tensors, options)->wait();
      if (on_cuda_) View(bytes.data(), bytes.size(), false).copy_(tensors[0]);
      return absl::OkStatus();
    } catch (const std::exception& error) {
      return C10dError(error, Where());
    }
  }

  absl::Status Barrier() override {
    try {
      backend_->barrier()->wait();
      return absl::OkStatus();
    } catch (const std::exception& error) {
      return C10dError(error, Where());
    }
  }

  absl::StatusOr<std::unique_ptr<Collectives>> Subgroup(absl::Span<const uint32_t> ranks,
                                                        const std::string& name) override {
    for (size_t i = 0; i < ranks.size(); ++i) {
      if (ranks[i] != rank()) continue;
      auto store = c10::make_intrusive<c10d::PrefixStore>(absl::StrCat(name, "/", ranks[0]), store_);
      return MakeC10dCollectives(store, static_cast<int>(i), static_cast<int>(ranks.size()), make_backend_,
                                 on_cuda_);
    }
    return Error(absl::StatusCode::kInvalidArgument, "a rank outside the group asked for it", name);
  }

 private:
  absl::Status Reduce(void* values, int64_t count, at::ScalarType type) {
    if (count == 0 || size() == 1) return absl::OkStatus();
    try {
      at::Tensor host = at::from_blob(values, {count}, at::TensorOptions().dtype(type));
      std::vector<at::Tensor> tensors = {OnDevice(host)};
      backend_->allreduce(tensors)->wait();
      if (on_cuda_) host.copy_(tensors[0]);
      return absl::OkStatus();
    } catch (const std::exception& error) {
      return C10dError(error, Where());
    }
  }
  at::Tensor OnDevice(const at::Tensor& host) const { return on_cuda_ ? host.to(at::kCUDA) : host; }
  std::string Where() const { return absl::StrCat("rank ", rank(), " of ", size()); }

  const c10::intrusive_ptr<c10d::Store> store_;
  const c10::intrusive_ptr<c10d::Backend> backend_;
  const MakeBackend make_backend_;
  const bool on_cuda_;
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
                                                                 bool on_cuda) {
  try {
    c10::intrusive_ptr<c10d::Backend> backend = make_backend(store, rank, size);
    return std::unique_ptr<Collectives>(
        new C10dCollectives(std::move(store), std::move(backend), std::move(make_backend), on_cuda));
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
