#include "trainer/collectives/collectives.h"

#include "io/error.h"

namespace grouter {

absl::Status Collectives::AllToAll(const RowExchange& exchange) {
  GROUTER_ASSIGN_OR_RETURN(std::unique_ptr<Work> work, StartAllToAll(exchange));
  return work->Wait();
}

}  // namespace grouter
