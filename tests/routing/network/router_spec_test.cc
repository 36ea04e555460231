#include "routing/network/router_spec.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/routing/network/memory_samples.h"

namespace grouter {
namespace {

absl::Status ParseStatus(const nlohmann::ordered_json& json) {
  return RouterSpec::FromJson(json.dump(), "router.json").status();
}

nlohmann::ordered_json Json() { return nlohmann::ordered_json::parse(SmallSpec().ToJson()); }

TEST(RouterSpec, ReadsBackWhatItWrote) {
  RouterSpec spec = SmallSpec();
  spec.gate.scoring = GateScoring::kNormalizedSigmoid;
  spec.gate.scaling_factor = 2.5;
  spec.causality_established = true;
  spec.cross_document = true;
  spec.tokenizer_digest = Sha256("tokenizer");
  spec.history = {R"({"step":"distill","metrics":{"valid_kl":0.1}})", R"({"step":"fold"})"};
  const auto parsed = RouterSpec::FromJson(spec.ToJson(), "router.json");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->ToJson(), spec.ToJson());
  EXPECT_EQ(parsed->gate.scaling_factor, 2.5);
  EXPECT_EQ(parsed->tokenizer_digest, Sha256("tokenizer"));
  EXPECT_EQ(parsed->history, spec.history);
}

TEST(RouterSpec, ListsAllProblemsAtOnceNamingTheFile) {
  nlohmann::ordered_json json = Json();
  json["shape"]["hidden_size"] = "16";
  json["shape"].erase("num_blocks");
  json["gate"]["scoring"] = "argmax";
  json["colour"] = "blue";
  const absl::Status status = ParseStatus(json);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  for (const char* part : {"shape.hidden_size is not a whole number", "shape.num_blocks is missing",
                           "gate.scoring is none of softmax, normalized_sigmoid",
                           "unknown field router.colour", "(router.json)"}) {
    EXPECT_NE(status.message().find(part), absl::string_view::npos) << status;
  }
}

TEST(RouterSpec, RefusesWhatIsNoRouterAndWhatIsNewer) {
  EXPECT_EQ(RouterSpec::FromJson("{", "x").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(RouterSpec::FromJson("[]", "x").status().code(), absl::StatusCode::kInvalidArgument);
  nlohmann::ordered_json json = Json();
  json["format"] = "something";
  EXPECT_EQ(ParseStatus(json).code(), absl::StatusCode::kInvalidArgument);
  json = Json();
  json["version"] = 2;
  EXPECT_EQ(ParseStatus(json).code(), absl::StatusCode::kUnimplemented);
}

TEST(RouterSpec, EveryRuleOfTheShapeIsHeld) {
  const auto code_of = [](void (*change)(RouterSpec*)) {
    RouterSpec spec = SmallSpec();
    EXPECT_TRUE(spec.Validate().ok());
    change(&spec);
    return spec.Validate().code();
  };
  const auto bad = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(code_of([](RouterSpec* s) { s->shape.vocab_size = 0; }), bad);
  EXPECT_EQ(code_of([](RouterSpec* s) { s->shape.num_heads = 3; }), bad);
  EXPECT_EQ(code_of([](RouterSpec* s) { s->shape.num_heads = 16; }), bad);  // odd head size
  EXPECT_EQ(code_of([](RouterSpec* s) { s->shape.num_experts = 1; }), bad);
  EXPECT_EQ(code_of([](RouterSpec* s) { s->gate.k = 0; }), bad);
  EXPECT_EQ(code_of([](RouterSpec* s) { s->gate.k = 9; }), bad);
  EXPECT_EQ(code_of([](RouterSpec* s) { s->causality = Causality::kCaptured; }), bad);
  EXPECT_EQ(code_of([](RouterSpec* s) { s->causality = Causality::kPackedBidirectional; }), bad);
  EXPECT_EQ(code_of([](RouterSpec* s) {
              s->causality = Causality::kDocumentBidirectional;
              s->causality_established = true;
            }),
            bad);
  EXPECT_EQ(code_of([](RouterSpec* s) { s->history = {"not json"}; }), bad);
}

TEST(CausalityName, SpellsEveryClass) {
  EXPECT_EQ(CausalityName(Causality::kCausal), "causal");
  EXPECT_EQ(CausalityName(Causality::kDocumentBidirectional), "document_bidirectional");
  EXPECT_EQ(CausalityName(Causality::kPackedBidirectional), "packed_bidirectional");
  EXPECT_EQ(CausalityName(Causality::kCaptured), "captured");
}

}  // namespace
}  // namespace grouter
