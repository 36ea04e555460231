// Which part of a job's plans comes next on a stream. A value; pure.
#ifndef GROUTER_SERVER_STREAM_PART_CURSOR_H_
#define GROUTER_SERVER_STREAM_PART_CURSOR_H_

#include <cstdint>

namespace grouter {

// Parts of a step: 0 is the step part, 1 + m micro-batch m's. With sections left out their parts are skipped.
class PartCursor {
 public:
  // Starts at (step, part) or, when that part is left out, at the next that is not. Steps end before
  // end_step.
  PartCursor(uint64_t step, uint32_t part, uint64_t end_step, uint32_t num_micro_batches,
             bool with_step_parts, bool with_micro_batches)
      : step_(step),
        part_(part),
        end_step_(end_step),
        num_parts_(1 + num_micro_batches),
        with_step_parts_(with_step_parts),
        with_micro_batches_(with_micro_batches) {
    SkipLeftOut();
  }

  bool done() const { return step_ >= end_step_; }
  uint64_t step() const { return step_; }
  uint32_t part() const { return part_; }
  // The part after this one. REQUIRES: !done().
  void Advance() {
    ++part_;
    SkipLeftOut();
  }
  // Nothing after `part` of the current step.
  void StopAfter(uint32_t part) {
    end_step_ = step_ + 1;
    num_parts_ = part + 1;
  }
  // REQUIRES: !done().
  bool IsLastOfStep() const {
    PartCursor next = *this;
    next.Advance();
    return next.step_ != step_;
  }

 private:
  void SkipLeftOut() {
    while (!done()) {
      if (part_ >= num_parts_) {
        part_ = 0;
        ++step_;
      } else if (part_ == 0 ? with_step_parts_ : with_micro_batches_) {
        return;
      } else {
        part_ = part_ == 0 ? 1 : num_parts_;
        if (!with_step_parts_ && !with_micro_batches_) step_ = end_step_;
      }
    }
  }

  uint64_t step_;
  uint32_t part_;
  uint64_t end_step_;
  uint32_t num_parts_;
  bool with_step_parts_;
  bool with_micro_batches_;
};

}  // namespace grouter

#endif  // GROUTER_SERVER_STREAM_PART_CURSOR_H_
