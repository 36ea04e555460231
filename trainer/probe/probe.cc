#include "trainer/probe/probe.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "trainer/device/device.h"
#include "trainer/experts/matmul.h"

namespace grouter {
namespace {

constexpr uint64_t kSmallBytes = 64;
constexpr size_t kNameBytes = 64;

// As it travels between ranks of one build.
struct WireProbe {
  char node[kNameBytes];
  uint64_t memory_bytes, flops_per_second, up_small, up_large, out_small, out_large;
};

absl::StatusOr<std::vector<RankProbe>> GatherProbes(Collectives& world, const RankProbe& mine) {
  std::vector<RankProbe> all;
  for (uint32_t root = 0; root < world.size(); ++root) {
    WireProbe wire;
    std::memset(&wire, 0, sizeof(wire));
    if (root == world.rank()) {
      mine.node.copy(wire.node, kNameBytes - 1);
      wire.memory_bytes = mine.memory_bytes;
      wire.flops_per_second = mine.flops_per_second;
      wire.up_small = mine.scale_up.small_ns;
      wire.up_large = mine.scale_up.large_ns;
      wire.out_small = mine.scale_out.small_ns;
      wire.out_large = mine.scale_out.large_ns;
    }
    GROUTER_RETURN_IF_ERROR(
        world.Broadcast(absl::MakeSpan(reinterpret_cast<uint8_t*>(&wire), sizeof(wire)), root));
    RankProbe probe;
    probe.node = std::string(wire.node, strnlen(wire.node, kNameBytes));
    probe.memory_bytes = wire.memory_bytes;
    probe.flops_per_second = wire.flops_per_second;
    probe.scale_up = {wire.up_small, wire.up_large};
    probe.scale_out = {wire.out_small, wire.out_large};
    all.push_back(std::move(probe));
  }
  return all;
}

// [node] -> its ranks, nodes in the order in which they come.
std::vector<std::vector<uint32_t>> RanksOfNodes(const std::vector<RankProbe>& ranks) {
  std::map<std::string, size_t> numbers;
  std::vector<std::vector<uint32_t>> nodes;
  for (uint32_t r = 0; r < ranks.size(); ++r) {
    const auto [it, is_new] = numbers.emplace(ranks[r].node, nodes.size());
    if (is_new) nodes.emplace_back();
    nodes[it->second].push_back(r);
  }
  return nodes;
}

// [rank] -> the rank it sends to: the next of its node, or its like on the next node.
std::vector<uint32_t> Partners(const std::vector<std::vector<uint32_t>>& nodes, uint32_t world, bool out) {
  std::vector<uint32_t> partner(world);
  for (size_t n = 0; n < nodes.size(); ++n) {
    const std::vector<uint32_t>& to = out ? nodes[(n + 1) % nodes.size()] : nodes[n];
    for (size_t i = 0; i < nodes[n].size(); ++i) {
      partner[nodes[n][i]] = to[(out ? i : i + 1) % to.size()];
    }
  }
  return partner;
}

uint64_t Median(std::vector<uint64_t> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

absl::StatusOr<uint64_t> TimeExchange(Collectives& world, const std::vector<uint32_t>& partner,
                                      uint64_t bytes, const ProbeOptions& options) {
  std::vector<uint32_t> send_rows(world.size(), 0), recv_rows(world.size(), 0);
  send_rows[partner[world.rank()]] = 1;
  uint64_t senders = 0;
  for (uint32_t r = 0; r < world.size(); ++r) {
    if (partner[r] == world.rank()) recv_rows[r] = 1, ++senders;
  }
  const std::vector<uint8_t> sent(bytes, 1);
  std::vector<uint8_t> received(bytes * senders);
  RowExchange exchange;
  exchange.row_bytes = bytes;
  exchange.send = sent.data();
  exchange.send_rows = send_rows;
  exchange.recv = received.data();
  exchange.recv_rows = recv_rows;
  std::vector<uint64_t> times;
  for (uint32_t round = 0; round <= options.rounds; ++round) {
    GROUTER_RETURN_IF_ERROR(world.Barrier());
    const uint64_t begin = options.now_ns();
    GROUTER_RETURN_IF_ERROR(world.AllToAll(exchange));
    if (round > 0) times.push_back(options.now_ns() - begin);  // the first opens connections
  }
  return Median(std::move(times));
}

absl::StatusOr<LinkTimes> TimeLink(Collectives& world, const std::vector<uint32_t>& partner,
                                   const ProbeOptions& options) {
  LinkTimes times;
  GROUTER_ASSIGN_OR_RETURN(times.small_ns, TimeExchange(world, partner, kSmallBytes, options));
  GROUTER_ASSIGN_OR_RETURN(times.large_ns, TimeExchange(world, partner, options.message_bytes, options));
  return times;
}

// At least half of the large exchange counts as moving bytes: on a busy machine a small one may take as long.
Link LinkOf(const LinkTimes& slowest, uint64_t message_bytes) {
  Link link;
  const uint64_t ns =
      std::max<uint64_t>(slowest.large_ns - std::min(slowest.small_ns, slowest.large_ns / 2), 1);
  using Wide = unsigned __int128;
  link.bytes_per_second =
      std::max<uint64_t>(static_cast<uint64_t>(Wide{message_bytes} * 1'000'000'000 / ns), 1);
  link.latency_ns = slowest.small_ns;
  return link;
}

void Slower(const LinkTimes& other, LinkTimes* times) {
  times->small_ns = std::max(times->small_ns, other.small_ns);
  times->large_ns = std::max(times->large_ns, other.large_ns);
}

}  // namespace

absl::StatusOr<Topology> TopologyOf(const std::vector<RankProbe>& ranks, uint64_t message_bytes) {
  GROUTER_CHECK(!ranks.empty());
  const std::vector<std::vector<uint32_t>> nodes = RanksOfNodes(ranks);
  Topology topology;
  for (const std::vector<uint32_t>& members : nodes) {
    const RankProbe& first = ranks[members[0]];
    if (members.back() - members[0] + 1 != members.size()) {
      return Error(absl::StatusCode::kFailedPrecondition,
                   absl::StrCat("the ranks of this machine do not follow each other: ", members[0], " to ",
                                members.back(), " are not all its own"),
                   first.node, "start the ranks machine by machine");
    }
    TopologyNode node;
    node.name = first.node;
    node.num_ranks = static_cast<uint32_t>(members.size());
    LinkTimes up, out;
    node.flops_per_second = first.flops_per_second;
    for (const uint32_t r : members) {
      Slower(ranks[r].scale_up, &up);
      Slower(ranks[r].scale_out, &out);
      node.flops_per_second = std::min(node.flops_per_second, ranks[r].flops_per_second);
    }
    node.memory_bytes = first.memory_bytes / members.size();
    node.scale_up = LinkOf(up, message_bytes);
    node.scale_out = nodes.size() > 1 ? LinkOf(out, message_bytes) : node.scale_up;
    topology.nodes.push_back(std::move(node));
  }
  GROUTER_RETURN_IF_ERROR(topology.Validate());
  return topology;
}

absl::StatusOr<Topology> ProbeRanks(Collectives& world, const ProbeOptions& options) {
  RankProbe mine;
  mine.node = options.node;
  mine.memory_bytes = options.memory_bytes;
  GROUTER_ASSIGN_OR_RETURN(std::vector<RankProbe> ranks, GatherProbes(world, mine));
  const std::vector<std::vector<uint32_t>> nodes = RanksOfNodes(ranks);
  uint32_t ranks_on_node = 1;
  for (const std::vector<uint32_t>& members : nodes) {
    if (std::find(members.begin(), members.end(), world.rank()) != members.end()) {
      ranks_on_node = static_cast<uint32_t>(members.size());
    }
  }
  GROUTER_RETURN_IF_ERROR(world.Barrier());
  mine.flops_per_second = options.measure_flops(ranks_on_node);
  GROUTER_ASSIGN_OR_RETURN(mine.scale_up, TimeLink(world, Partners(nodes, world.size(), false), options));
  if (nodes.size() > 1) {
    GROUTER_ASSIGN_OR_RETURN(mine.scale_out, TimeLink(world, Partners(nodes, world.size(), true), options));
  }
  GROUTER_ASSIGN_OR_RETURN(ranks, GatherProbes(world, mine));
  return TopologyOf(ranks, options.message_bytes);
}

uint64_t MeasureMatMulFlops(uint32_t ranks_on_node, uint32_t rounds,
                            const std::function<uint64_t()>& now_ns) {
  constexpr int64_t kRows = 256, kInner = 512, kCols = 1024;
  constexpr uint64_t kFlops = uint64_t{2} * kRows * kInner * kCols;
  SetNumMatMulThreads(std::max(std::thread::hardware_concurrency() / std::max(ranks_on_node, 1u), 1u));
  const std::vector<float> a(kRows * kInner, 0.5f), b(kInner * kCols, 0.25f);
  std::vector<float> out(kRows * kCols);
  std::vector<uint64_t> times;
  for (uint32_t round = 0; round <= rounds; ++round) {
    const uint64_t begin = now_ns();
    MatMul(CpuDevice(), {a.data(), kRows, kInner}, {b.data(), kInner, kCols}, out.data());
    if (round > 0) times.push_back(now_ns() - begin);  // the first brings in the library
  }
  return std::max<uint64_t>(kFlops * 1'000'000'000 / std::max<uint64_t>(Median(std::move(times)), 1), 1);
}

}  // namespace grouter
