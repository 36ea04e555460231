#include "routing/planning/batch/sample_assignment.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "io/error.h"
#include "routing/planning/batch/transport.h"

namespace grouter {
namespace {

// Picoseconds for one row over a link, at least 1.
int64_t RowPicoseconds(uint64_t row_bytes, const Link& link) {
  const unsigned __int128 ps = static_cast<unsigned __int128>(row_bytes) * 1'000'000'000'000ull;
  const uint64_t each = static_cast<uint64_t>(ps / std::max<uint64_t>(link.bytes_per_second, 1));
  return static_cast<int64_t>(std::min<uint64_t>(std::max<uint64_t>(each, 1), 1ull << 36));
}

// Blocks of different EP groups that cost the same for every sample: one place of the transport.
struct Place {
  uint32_t shape = 0;
  uint32_t block = 0;
  uint32_t node = 0;                 // one of them, for its links
  std::vector<uint32_t> first_rank;  // world rank of the block's first rank, in each group
  uint32_t size = 0;                 // ranks in the block
  uint32_t capacity = 0;
};

std::vector<Place> PlacesOf(const WorldShape& world, const Topology& topology,
                            const std::vector<uint32_t>& capacities) {
  std::vector<Place> places;
  for (size_t g = 0; g < world.groups.size(); ++g) {
    const EpGroup& group = world.groups[g];
    for (uint32_t b = 0; b < group.num_blocks(); ++b) {
      const TopologyNode& node = topology.nodes[group.node_of_block[b]];
      const auto same = [&](const Place& place) {
        const TopologyNode& other = topology.nodes[place.node];
        return place.shape == world.shape_of_group[g] && place.block == b &&
               std::tie(node.scale_out.bytes_per_second, node.scale_up.bytes_per_second) ==
                   std::tie(other.scale_out.bytes_per_second, other.scale_up.bytes_per_second);
      };
      auto it = std::find_if(places.begin(), places.end(), same);
      if (it == places.end()) {
        Place place;
        place.shape = world.shape_of_group[g];
        place.block = b;
        place.node = group.node_of_block[b];
        place.size = group.block_size(b);
        places.push_back(place);
        it = places.end() - 1;
      }
      it->first_rank.push_back(group.first_world_rank + group.first_of_block[b]);
      for (uint32_t i = 0; i < it->size; ++i) it->capacity += capacities[it->first_rank.back() + i];
    }
  }
  return places;
}

// [samples][all blocks of all shapes] rows of a sample for the ranks of a block, as the protocol counts them
// between nodes.
std::vector<uint64_t> BlockRows(const SampleTraffic& traffic, const WorldShape& world) {
  if (!traffic.block_rows.empty()) return traffic.block_rows;
  std::vector<uint64_t> block_rows;
  block_rows.reserve(size_t{traffic.num_samples} * world.num_blocks());
  for (uint32_t s = 0; s < traffic.num_samples; ++s) {
    for (uint32_t g : world.group_of_shape) {
      const EpGroup& group = world.groups[g];
      const uint64_t* rows = &traffic.rank_rows[uint64_t{s} * group.ep_size()];
      for (uint32_t b = 0; b < group.num_blocks(); ++b) {
        block_rows.push_back(
            std::accumulate(rows + group.first_of_block[b], rows + group.first_of_block[b + 1], uint64_t{0}));
      }
    }
  }
  return block_rows;
}

std::vector<uint32_t> TransportToPlaces(const SampleTraffic& traffic, const WorldShape& world,
                                        const Topology& topology, const std::vector<Place>& places,
                                        uint64_t row_bytes) {
  const std::vector<uint64_t> block_rows = BlockRows(traffic, world);
  const uint32_t shapes = static_cast<uint32_t>(world.group_of_shape.size());
  std::vector<int64_t> cost(uint64_t{traffic.num_samples} * places.size());
  std::vector<int64_t> out, up;
  std::vector<uint32_t> capacity;
  for (const Place& place : places) {
    capacity.push_back(place.capacity);
    out.push_back(RowPicoseconds(row_bytes, topology.nodes[place.node].scale_out));
    up.push_back(std::min(out.back(), RowPicoseconds(row_bytes, topology.nodes[place.node].scale_up)));
  }
  std::vector<uint64_t> all(shapes);
  for (uint32_t s = 0; s < traffic.num_samples; ++s) {
    const uint64_t* rows = &block_rows[uint64_t{s} * world.num_blocks()];
    for (uint32_t shape = 0; shape < shapes; ++shape) {
      all[shape] = std::accumulate(rows + world.first_block_of_shape[shape],
                                   rows + world.first_block_of_shape[shape + 1], uint64_t{0});
    }
    int64_t* cost_of_sample = &cost[s * places.size()];
    for (size_t p = 0; p < places.size(); ++p) {
      const Place& place = places[p];
      const int64_t inside =
          static_cast<int64_t>(rows[world.first_block_of_shape[place.shape] + place.block]);
      cost_of_sample[p] = (static_cast<int64_t>(all[place.shape]) - inside) * out[p] + inside * up[p];
    }
  }
  return SolveTransport(traffic.num_samples, cost, capacity);
}

std::vector<uint32_t> Algorithm1ToPlaces(const SampleTraffic& traffic, const WorldShape& world,
                                         const std::vector<Place>& places) {
  std::vector<uint32_t> room;
  for (const Place& place : places) room.push_back(place.capacity);
  std::vector<uint32_t> chosen(traffic.num_samples);
  for (uint32_t s = 0; s < traffic.num_samples; ++s) {
    uint32_t best = UINT32_MAX;
    uint64_t best_pairs = 0;
    for (uint32_t p = 0; p < places.size(); ++p) {
      if (room[p] == 0) continue;
      const EpGroup& group = world.groups[world.group_of_shape[places[p].shape]];
      const uint64_t* pairs = &traffic.pairs[uint64_t{s} * group.ep_size()];
      uint64_t here = 0;
      for (uint32_t r = group.first_of_block[places[p].block]; r < group.first_of_block[places[p].block + 1];
           ++r) {
        here += pairs[r];
      }
      if (best == UINT32_MAX || here > best_pairs) {
        best = p;
        best_pairs = here;
      }
    }
    chosen[s] = best;
    --room[best];
  }
  return chosen;
}

// Inside one place: samples to the ranks whose experts they use most, then to the alike ranks of the place's
// groups so that tokens are level, longest samples first.
void ToRanks(const SampleTraffic& traffic, const WorldShape& world, const Place& place,
             const std::vector<uint32_t>& samples, const std::vector<uint32_t>& capacities,
             std::vector<std::vector<uint32_t>>* by_rank) {
  const EpGroup& group = world.groups[world.group_of_shape[place.shape]];
  const uint32_t first = group.first_of_block[place.block];
  std::vector<uint32_t> capacity(place.size, 0);
  for (uint32_t i = 0; i < place.size; ++i) {
    for (uint32_t world_rank : place.first_rank) capacity[i] += capacities[world_rank + i];
  }
  std::vector<int64_t> cost(samples.size() * place.size);
  for (size_t s = 0; s < samples.size(); ++s) {
    for (uint32_t i = 0; i < place.size; ++i) {
      cost[s * place.size + i] =
          -static_cast<int64_t>(traffic.rank_rows[uint64_t{samples[s]} * group.ep_size() + first + i]);
    }
  }
  const std::vector<uint32_t> index = SolveTransport(static_cast<uint32_t>(samples.size()), cost, capacity);
  for (uint32_t i = 0; i < place.size; ++i) {
    std::vector<uint32_t> mine;
    for (size_t s = 0; s < samples.size(); ++s) {
      if (index[s] == i) mine.push_back(samples[s]);
    }
    std::stable_sort(mine.begin(), mine.end(),
                     [&](uint32_t a, uint32_t b) { return traffic.length[a] > traffic.length[b]; });
    std::vector<uint64_t> tokens(place.first_rank.size(), 0);
    for (uint32_t s : mine) {
      size_t best = place.first_rank.size();
      for (size_t g = 0; g < place.first_rank.size(); ++g) {
        const uint32_t rank = place.first_rank[g] + i;
        if ((*by_rank)[rank].size() >= capacities[rank]) continue;
        if (best == place.first_rank.size() || tokens[g] < tokens[best]) best = g;
      }
      tokens[best] += traffic.length[s];
      (*by_rank)[place.first_rank[best] + i].push_back(s);
    }
  }
}

}  // namespace

WorldShape WorldShape::Of(const Topology& topology, uint32_t ep_size) {
  WorldShape world;
  world.groups = EpGroupsOf(topology, ep_size);
  world.first_block_of_shape.push_back(0);
  for (uint32_t g = 0; g < world.groups.size(); ++g) {
    uint32_t shape = 0;
    while (shape < world.group_of_shape.size() &&
           !world.groups[world.group_of_shape[shape]].SameShape(world.groups[g])) {
      ++shape;
    }
    if (shape == world.group_of_shape.size()) {
      world.group_of_shape.push_back(g);
      world.first_block_of_shape.push_back(world.first_block_of_shape.back() + world.groups[g].num_blocks());
    }
    world.shape_of_group.push_back(shape);
  }
  return world;
}

std::vector<uint32_t> RankCapacities(uint32_t num_samples, uint32_t world_size) {
  std::vector<uint32_t> capacities(world_size, num_samples / world_size);
  for (uint32_t r = 0; r < num_samples % world_size; ++r) ++capacities[r];
  return capacities;
}

std::vector<uint32_t> AssignSamplesToNodes(const SampleTraffic& traffic, const WorldShape& world,
                                           const Topology& topology, uint64_t row_bytes) {
  const std::vector<Place> places =
      PlacesOf(world, topology, RankCapacities(traffic.num_samples, topology.world_size()));
  std::vector<uint32_t> node_of = TransportToPlaces(traffic, world, topology, places, row_bytes);
  for (uint32_t& place : node_of) place = places[place].node;
  return node_of;
}

std::vector<std::vector<uint32_t>> AssignSamples(AssignmentPolicy policy, const SampleTraffic& traffic,
                                                 const WorldShape& world, const Topology& topology,
                                                 uint64_t row_bytes) {
  const std::vector<uint32_t> capacities = RankCapacities(traffic.num_samples, topology.world_size());
  std::vector<std::vector<uint32_t>> by_rank(capacities.size());
  if (policy == AssignmentPolicy::kInOrder) {
    uint32_t next = 0;
    for (size_t r = 0; r < capacities.size(); ++r) {
      for (uint32_t i = 0; i < capacities[r]; ++i) by_rank[r].push_back(next++);
    }
    return by_rank;
  }
  const std::vector<Place> places = PlacesOf(world, topology, capacities);
  const std::vector<uint32_t> place_of = policy == AssignmentPolicy::kTransport
                                             ? TransportToPlaces(traffic, world, topology, places, row_bytes)
                                             : Algorithm1ToPlaces(traffic, world, places);
  std::vector<std::vector<uint32_t>> samples(places.size());
  for (uint32_t s = 0; s < traffic.num_samples; ++s) samples[place_of[s]].push_back(s);
  for (size_t p = 0; p < places.size(); ++p)
    ToRanks(traffic, world, places[p], samples[p], capacities, &by_rank);
  for (auto& mine : by_rank) std::sort(mine.begin(), mine.end());
  return by_rank;
}

}  // namespace grouter
