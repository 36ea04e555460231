// A routing table whose routes are checked against their stored CRC32C each time a plan reads them.
#ifndef GROUTER_SERVER_REGISTRY_CHECKED_TABLE_H_
#define GROUTER_SERVER_REGISTRY_CHECKED_TABLE_H_

#include <functional>
#include <memory>

#include "routing/table/routing_table.h"

namespace grouter {

// Everything else is `table`'s. `on_damage` is told why, from any thread, when a check fails; errors name the
// table by its digest, never a path.
std::shared_ptr<const RoutingTable> MakeCheckedTable(std::shared_ptr<const RoutingTable> table,
                                                     std::function<void(const absl::Status&)> on_damage);

}  // namespace grouter

#endif  // GROUTER_SERVER_REGISTRY_CHECKED_TABLE_H_
