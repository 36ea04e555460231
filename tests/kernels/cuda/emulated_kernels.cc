// The .cu files as C++, on the emulated device.
#include "kernels/cuda/cuda_kernels.cc"
#include "kernels/cuda/gate.cu"
#include "kernels/cuda/loss.cu"
#include "kernels/cuda/norm.cu"
#include "kernels/cuda/optimizer.cu"
#include "kernels/cuda/pairs.cu"
#include "kernels/cuda/rows.cu"
#include "kernels/cuda/swiglu.cu"
