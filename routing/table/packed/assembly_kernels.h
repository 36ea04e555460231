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

// k = 8, lists of 128 bytes: ids[8 t + j] = lists[list_of[t]][rank of slot j]. symbols[j] and low[j] are
// those of slot j, codes[j] its code with base 0 and no more than 8 bits.
void PutIds8(LaneKernel kernel, const PlaneCode* codes, const uint8_t* const symbols[8],
             const char* const low[8], const uint8_t* lists, const uint32_t* list_of, uint32_t count,
             uint8_t* ids);

// k = 8, bf16: planes[7] is the last weight, planes[6..1] differences to the weight after, planes[0] the
// zigzag difference of the first from `total` minus the others. weights[8 t + j].
void PutWeights8(LaneKernel kernel, const uint16_t* const planes[8], float total, uint32_t count,
                 uint16_t* weights);

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_PACKED_ASSEMBLY_KERNELS_H_
