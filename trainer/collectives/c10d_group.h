// Collectives over any c10d process group: what Gloo and NCCL share.
#ifndef GROUTER_TRAINER_COLLECTIVES_C10D_GROUP_H_
#define GROUTER_TRAINER_COLLECTIVES_C10D_GROUP_H_

#include <c10/core/Device.h>

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "absl/status/statusor.h"
#include "trainer/collectives/collectives.h"

namespace grouter {

// Makes the backend of a group from a store of its own.
using MakeBackend = std::function<c10::intrusive_ptr<c10d::Backend>(c10::intrusive_ptr<c10d::Store> store,
                                                                    int rank, int size)>;

// `device`: the backend's, whose memory MemoryKind::kDevice means; host memory is copied there and back. On
// it a call with host memory waits at most `timeout`, then ends the group; on CPUs the backend watches its
// own.
absl::StatusOr<std::unique_ptr<Collectives>> MakeC10dCollectives(c10::intrusive_ptr<c10d::Store> store,
                                                                 int rank, int size, MakeBackend make_backend,
                                                                 at::Device device,
                                                                 std::chrono::milliseconds timeout);

// A rendezvous by options' file or master (gloo.h); throws what c10d throws.
struct GlooOptions;
c10::intrusive_ptr<c10d::Store> MakeRendezvousStore(const GlooOptions& options);

// What c10d throws, as a value: timeouts become DEADLINE_EXCEEDED, the rest UNAVAILABLE.
absl::Status C10dError(const std::exception& error, const std::string& where);

}  // namespace grouter

#endif  // GROUTER_TRAINER_COLLECTIVES_C10D_GROUP_H_
