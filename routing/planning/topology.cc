#include "routing/planning/topology.h"

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "routing/planning/json_fields.h"
#include "routing/planning/problems.h"
#include "routing/planning/topology_json.h"

namespace grouter {
namespace {

constexpr uint64_t kMostRanks = 1 << 20;

void CheckLink(const Link& link, const std::string& path, Problems* problems) {
  if (link.bytes_per_second == 0) {
    problems->Add(absl::StrCat(path, ".bytes_per_second is 0"), "give the bandwidth one rank sees");
  }
}

Json LinkToJson(const Link& link) {
  return Json{{"bytes_per_second", link.bytes_per_second}, {"latency_ns", link.latency_ns}};
}

void ReadLink(JsonFields* fields, const char* name, Link* link, Problems* problems) {
  if (const Json* json = fields->Child(name)) {
    JsonFields link_fields(*json, fields->PathOf(name), problems);
    link_fields.Read("bytes_per_second", &link->bytes_per_second, /*required=*/true);
    link_fields.Read("latency_ns", &link->latency_ns);
  }
}

}  // namespace

uint32_t Topology::world_size() const {
  uint32_t total = 0;
  for (const TopologyNode& node : nodes) total += node.num_ranks;
  return total;
}

uint32_t Topology::NodeOf(uint32_t rank) const {
  uint32_t first = 0;
  for (uint32_t n = 0; n < nodes.size(); ++n) {
    first += nodes[n].num_ranks;
    if (rank < first) return n;
  }
  GROUTER_CHECK(rank < first);
  return 0;
}

uint32_t Topology::FirstRank(uint32_t node) const {
  GROUTER_CHECK(node < nodes.size());
  uint32_t first = 0;
  for (uint32_t n = 0; n < node; ++n) first += nodes[n].num_ranks;
  return first;
}

absl::Status Topology::Validate() const {
  Problems problems;
  if (nodes.empty()) problems.Add("the topology has no nodes", "list at least one node");
  uint64_t ranks = 0;
  for (size_t n = 0; n < nodes.size(); ++n) {
    const TopologyNode& node = nodes[n];
    const std::string path = absl::StrCat("nodes[", n, "]");
    if (node.num_ranks == 0) {
      problems.Add(absl::StrCat(path, " has no ranks"), "give num_ranks or remove the node");
    }
    ranks += node.num_ranks;
    CheckLink(node.scale_up, absl::StrCat(path, ".scale_up"), &problems);
    CheckLink(node.scale_out, absl::StrCat(path, ".scale_out"), &problems);
    if (node.flops_per_second == 0) {
      problems.Add(absl::StrCat(path, ".flops_per_second is 0"), "give the device's sustained rate");
    }
  }
  if (ranks > kMostRanks) {
    problems.Add(absl::StrCat("the topology has ", ranks, " ranks"),
                 absl::StrCat("use at most ", kMostRanks));
  }
  return problems.ToStatus(absl::StatusCode::kInvalidArgument, "topology");
}

void ReadTopology(const Json& json, const std::string& path, Topology* topology, Problems* problems) {
  JsonFields fields(json, path, problems);
  const Json* list = fields.Child("nodes", /*required=*/true);
  if (list == nullptr) return;
  size_t index = 0;
  for (const Json& item : *list) {
    TopologyNode node;
    {
      JsonFields node_fields(item, fields.PathOf(absl::StrCat("nodes[", index++, "]")), problems);
      node_fields.Read("name", &node.name);
      node_fields.Read("num_ranks", &node.num_ranks, /*required=*/true);
      ReadLink(&node_fields, "scale_up", &node.scale_up, problems);
      ReadLink(&node_fields, "scale_out", &node.scale_out, problems);
      node_fields.Read("flops_per_second", &node.flops_per_second);
      node_fields.Read("memory_bytes", &node.memory_bytes);
    }
    topology->nodes.push_back(std::move(node));
  }
}

Json TopologyToJson(const Topology& topology) {
  Json list = Json::array();
  for (const TopologyNode& node : topology.nodes) {
    list.push_back(Json{{"name", node.name},
                        {"num_ranks", node.num_ranks},
                        {"scale_up", LinkToJson(node.scale_up)},
                        {"scale_out", LinkToJson(node.scale_out)},
                        {"flops_per_second", node.flops_per_second},
                        {"memory_bytes", node.memory_bytes}});
  }
  return Json{{"nodes", std::move(list)}};
}

absl::StatusOr<Topology> Topology::FromJson(absl::string_view json, absl::string_view where) {
  GROUTER_ASSIGN_OR_RETURN(const Json document, ParseJson(json, where));
  Topology topology;
  Problems problems;
  ReadTopology(document, "", &topology, &problems);
  if (problems.empty()) problems.Add(topology.Validate());
  GROUTER_RETURN_IF_ERROR(problems.ToStatus(absl::StatusCode::kInvalidArgument, where));
  return topology;
}

std::string Topology::ToJson() const {
  return TopologyToJson(*this).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Topology Topology::Uniform(uint32_t num_nodes, uint32_t ranks_per_node) {
  Topology topology;
  for (uint32_t n = 0; n < num_nodes; ++n) {
    TopologyNode node;
    node.name = absl::StrCat("node", n);
    node.num_ranks = ranks_per_node;
    node.scale_up = Link{4'000'000'000, 5'000};
    node.scale_out = Link{1'000'000'000, 30'000};
    node.flops_per_second = 20'000'000'000;
    topology.nodes.push_back(std::move(node));
  }
  return topology;
}

}  // namespace grouter
