// The topology as a part of a larger JSON document (a job holds one).
#ifndef GROUTER_ROUTING_PLANNING_TOPOLOGY_JSON_H_
#define GROUTER_ROUTING_PLANNING_TOPOLOGY_JSON_H_

#include <string>

#include "routing/planning/json_fields.h"
#include "routing/planning/topology.h"

namespace grouter {

// Appends the nodes of `json` to *topology; `path` names the object in *problems.
void ReadTopology(const Json& json, const std::string& path, Topology* topology, Problems* problems);
Json TopologyToJson(const Topology& topology);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_TOPOLOGY_JSON_H_
