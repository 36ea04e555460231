// Validation: the loss over held-out samples, and how far a learned routing has settled.
#ifndef GROUTER_TRAINER_PIPELINE_EVALUATOR_H_
#define GROUTER_TRAINER_PIPELINE_EVALUATOR_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer/model/language_model.h"
#include "trainer/pipeline/step_feed.h"

namespace grouter {

struct EvaluatorContext {
  PlanSource* source = nullptr;  // of the held-out split; random access
  std::vector<TokenSource> tokens;
  StepFeedOptions feed;  // end_step: how many steps are validated
  std::vector<uint32_t> layer_group_of_layer;
  LanguageModel* model = nullptr;
  ExpertStore* experts = nullptr;
  Collectives* world = nullptr;
  bool compare_routes = false;  // learned routers
};

struct Evaluation {
  double loss = 0;  // nats per loss token, all ranks
  uint64_t num_loss_tokens = 0;
  std::vector<double> route_exact_match;  // [layers]; empty at the first call or without compare_routes
};

// All ranks call Run alike. Keeps the routes of the last call, 2 bytes per choice, to compare with the next.
class Evaluator {
 public:
  explicit Evaluator(EvaluatorContext context) : context_(std::move(context)) {}
  absl::StatusOr<Evaluation> Run();

 private:
  const EvaluatorContext context_;
  std::vector<std::vector<uint16_t>> last_routes_;  // [layers] sorted ids of every token of this rank
};

}  // namespace grouter

#endif  // GROUTER_TRAINER_PIPELINE_EVALUATOR_H_
