// What a router is, apart from its weights: the content of router.json (docs/router_network.md).
#ifndef GROUTER_ROUTING_NETWORK_ROUTER_SPEC_H_
#define GROUTER_ROUTING_NETWORK_ROUTER_SPEC_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "io/digest.h"
#include "routing/network/gate.h"
#include "routing/table/routing_table.h"

namespace grouter {

struct RouterShape {
  uint32_t vocab_size = 0;
  uint32_t hidden_size = 0;
  uint32_t num_blocks = 0;
  uint32_t num_heads = 0;
  uint32_t mlp_size = 0;
  uint32_t num_experts = 0;  // E
  double rms_norm_eps = 1e-6;
  double rope_theta = 1e6;
};

struct RouterSpec {
  RouterShape shape;
  GateRule gate;
  // Which tokens a position may see. kCausal: earlier ones; kDocumentBidirectional: all of its document;
  // kPackedBidirectional: all of its sample. kCaptured is not a router's class.
  Causality causality = Causality::kCausal;
  bool causality_established = false;  // by an audit of these very weights
  // The context rule. Bidirectional classes fix it: document false, packed true.
  bool cross_document = false;
  Digest tokenizer_digest;  // zero: unknown
  std::vector<std::string>
      history;  // one JSON object per step that made this router: distill, fold, tune ...

  // All problems at once, a fix each.
  absl::Status Validate() const;
  std::string ToJson() const;
  // `where` names the text in errors. Unknown fields are refused; a newer version is UNIMPLEMENTED.
  static absl::StatusOr<RouterSpec> FromJson(absl::string_view json, absl::string_view where);
};

// "causal", "document_bidirectional", "packed_bidirectional", "captured".
absl::string_view CausalityName(Causality causality);

}  // namespace grouter

#endif  // GROUTER_ROUTING_NETWORK_ROUTER_SPEC_H_
