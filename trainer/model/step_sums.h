// What a step adds up on its device, read by the host one step later.
#ifndef GROUTER_TRAINER_MODEL_STEP_SUMS_H_
#define GROUTER_TRAINER_MODEL_STEP_SUMS_H_

namespace grouter {

// Four numbers in a row: the world adds them in one collective. Losses are sums over this rank's loss tokens,
// in nats; the router's are scaled as they enter the step's loss.
struct StepSums {
  double squares = 0;  // of the gradient
  double loss = 0;
  double balance = 0;
  double z = 0;
};

}  // namespace grouter

#endif  // GROUTER_TRAINER_MODEL_STEP_SUMS_H_
