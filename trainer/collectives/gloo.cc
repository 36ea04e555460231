#include "trainer/collectives/gloo.h"

#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "trainer/collectives/c10d_group.h"

namespace grouter {

absl::StatusOr<std::unique_ptr<Collectives>> MakeGlooCollectives(const GlooOptions& options) {
  const RankEnvironment& environment = options.environment;
  const bool local = !options.rendezvous_file.empty() || environment.master_address == "localhost" ||
                     absl::StartsWith(environment.master_address, "127.");
  const auto timeout = options.timeout;
  MakeBackend make_backend = [local, timeout](c10::intrusive_ptr<c10d::Store> store, int rank, int size) {
    auto gloo = c10d::ProcessGroupGloo::Options::create(timeout);
    gloo->devices.push_back(local ? c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1")
                                  : c10d::ProcessGroupGloo::createDefaultDevice());
    gloo->threads = 2;
    return c10::intrusive_ptr<c10d::Backend>(
        c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, size, std::move(gloo)));
  };
  try {
    return MakeC10dCollectives(MakeRendezvousStore(options), static_cast<int>(environment.rank),
                               static_cast<int>(environment.world_size), std::move(make_backend),
                               at::Device(at::kCPU), timeout);
  } catch (const std::exception& error) {
    return C10dError(error,
                     absl::StrCat("rendezvous of rank ", environment.rank, " at ",
                                  options.rendezvous_file.empty()
                                      ? absl::StrCat(environment.master_address, ":", environment.master_port)
                                      : options.rendezvous_file));
  }
}

}  // namespace grouter
