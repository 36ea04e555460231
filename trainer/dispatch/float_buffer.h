// An array of floats whose size changes and whose memory stays.
#ifndef GROUTER_TRAINER_DISPATCH_FLOAT_BUFFER_H_
#define GROUTER_TRAINER_DISPATCH_FLOAT_BUFFER_H_

#include <cstdint>
#include <cstring>
#include <memory>

namespace grouter {

// Movable, not copyable. One thread at a time. Memory grows and is kept until destruction, so a step that
// repeats allocates nothing; values are undefined after Resize.
class FloatBuffer {
 public:
  float* Resize(uint64_t size) {
    if (size > capacity_) {
      const uint64_t capacity = size + size / 8;
      memory_.reset(new (std::align_val_t(64)) float[capacity]);
      capacity_ = capacity;
    }
    size_ = size;
    return memory_.get();
  }
  float* ResizeZeroed(uint64_t size) {
    float* data = Resize(size);
    if (size > 0) std::memset(data, 0, size * sizeof(float));
    return data;
  }
  float* data() { return memory_.get(); }
  const float* data() const { return memory_.get(); }
  uint64_t size() const { return size_; }
  uint64_t capacity_bytes() const { return capacity_ * sizeof(float); }

 private:
  struct Free {
    void operator()(float* memory) const { ::operator delete[](memory, std::align_val_t(64)); }
  };
  std::unique_ptr<float[], Free> memory_;
  uint64_t size_ = 0;
  uint64_t capacity_ = 0;
};

}  // namespace grouter

#endif  // GROUTER_TRAINER_DISPATCH_FLOAT_BUFFER_H_
