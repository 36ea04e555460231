// From symbols to the bytes of a plain record, for each LaneKernel with the same result. REQUIRES for all:
// the processor runs `kernel`, count % 64 == 0.
#ifndef GROUTER_ROUTING_TABLE_PACKED_ASSEMBLY_KERNELS_H_
#define GROUTER_ROUTING_TABLE_PACKED_ASSEMBLY_KERNELS_H_

#include <cstdint>

#include "routing/table/packed/lane_coder.h"
#include "routing/table/packed/plane_code.h"

namespace grouter {

// values[i] = base + (symbols[i] << low_bits) + low bits of token i.
void Join(LaneKernel kernel, const PlaneCode& code, const uint8_t* symbols, const char* low, uint32_t count,
          uint16_t* values);

// Symbols and low bits of a run's eight planes, as PlaneReader has them.
struct EightPlanes {
  const PlaneCode* codes;  // [8]
  const uint8_t* symbols[8];
  const char* low[8];
};

// Lists of 128 ids, and the first 64 of each once more (ExpertLists).
struct ListBytes {
  const uint8_t* lists;
  const uint8_t* beginnings;
};

// k = 8: ids[8 t + j] = lists[list_of[t]][rank of slot j]. A rank is its plane's value; codes have base 0,
// and symbols and low bits make no more than 7 bits. REQUIRES: count <= kRunTokens.
void PutIds8(LaneKernel kernel, const EightPlanes& ranks, const ListBytes& lists, const uint32_t* list_of,
             uint32_t count, uint8_t* ids);

// k = 8, bf16: plane 7 is the last weight, planes 6 to 1 differences to the weight after, plane 0 the zigzag
// difference of the first from `total` minus the others. weights[8 t + j].
void PutWeights8(LaneKernel kernel, const EightPlanes& planes, float total, uint32_t count,
                 uint16_t* weights);

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_PACKED_ASSEMBLY_KERNELS_H_
