// The emulated device's; see cuda_runtime.h beside it.
#include "tests/testing/cuda_emulator/cuda_runtime.h"
