#include "routing/network/audit.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "io/error.h"
#include "io/json.h"
#include "io/random.h"
#include "routing/network/router_network.h"

namespace grouter {
namespace {

bool SameBits(const SampleRoutes& a, const SampleRoutes& b, size_t token) {
  const size_t at = token * a.k;
  return std::equal(&a.ids[at], &a.ids[at] + a.k, &b.ids[at]) &&
         std::memcmp(&a.weights[at], &b.weights[at], a.k * sizeof(float)) == 0;
}

bool SameExperts(absl::Span<const uint32_t> a, absl::Span<const uint32_t> b) {
  return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&](uint32_t id) {
           return std::find(b.begin(), b.end(), id) != b.end();
         });
}

absl::Span<const uint32_t> Experts(const SampleRoutes& routes, size_t token) {
  return absl::MakeConstSpan(routes.ids).subspan(token * routes.k, routes.k);
}

// A different token, so that every replacement is one.
uint32_t OtherToken(uint32_t token, uint32_t vocab_size, Random* random) {
  if (vocab_size == 1) return token;
  const uint32_t drawn = static_cast<uint32_t>(random->Below(vocab_size - 1));
  return drawn < token ? drawn : drawn + 1;
}

// Sample i of n audited ones, spread evenly.
uint64_t Spread(uint64_t i, uint64_t n, uint64_t num_samples) {
  return n >= num_samples ? i : static_cast<uint64_t>(static_cast<double>(i) * num_samples / n);
}

class Auditor {
 public:
  Auditor(const Router& router, const AuditOptions& options)
      : network_(router), options_(options), random_(options.seed) {}

  absl::Status AuditSample(const SampleTokens& sample) {
    GROUTER_ASSIGN_OR_RETURN(const SampleRoutes whole, network_.Route(sample));
    ++report_.num_samples;
    for (uint32_t i = 0; i < options_.cuts_per_sample; ++i) {
      const size_t t = random_.Below(sample.tokens.size() - 1);
      ++report_.num_cuts;
      GROUTER_RETURN_IF_ERROR(ReplaceLater(sample, whole, t));
      GROUTER_RETURN_IF_ERROR(ReplaceNext(sample, whole, t));
      GROUTER_RETURN_IF_ERROR(RouteOnline(sample, whole, t));
    }
    return network_.spec().cross_document ? absl::OkStatus() : ReplaceOtherDocuments(sample, whole);
  }

  const AuditReport& report() const { return report_; }

 private:
  void Replace(SampleTokens* sample, size_t token) {
    sample->tokens[token] = OtherToken(sample->tokens[token], network_.spec().shape.vocab_size, &random_);
  }

  absl::Status ReplaceLater(const SampleTokens& sample, const SampleRoutes& whole, size_t t) {
    SampleTokens changed = sample;
    for (size_t i = t + 1; i < changed.tokens.size(); ++i) Replace(&changed, i);
    GROUTER_ASSIGN_OR_RETURN(const SampleRoutes routes, network_.Route(changed));
    for (size_t i = 0; i <= t; ++i) {
      ++report_.compared;
      report_.changed += !SameBits(whole, routes, i);
      report_.changed_ids += !SameExperts(Experts(whole, i), Experts(routes, i));
    }
    return absl::OkStatus();
  }

  absl::Status ReplaceNext(const SampleTokens& sample, const SampleRoutes& whole, size_t t) {
    SampleTokens changed = sample;
    Replace(&changed, t + 1);
    GROUTER_ASSIGN_OR_RETURN(const SampleRoutes routes, network_.Route(changed));
    report_.next_token_changed_ids += !SameExperts(Experts(whole, t), Experts(routes, t));
    return absl::OkStatus();
  }

  absl::Status RouteOnline(const SampleTokens& sample, const SampleRoutes& whole, size_t t) {
    SampleTokens prefix = sample;
    prefix.tokens.resize(t + 1);
    while (prefix.document_starts.size() > 1 && prefix.document_starts.back() > t)
      prefix.document_starts.pop_back();
    GROUTER_ASSIGN_OR_RETURN(const SampleRoutes routes, network_.Route(prefix));
    for (size_t i = 0; i <= t; ++i) {
      ++report_.online_compared;
      if (SameExperts(Experts(whole, i), Experts(routes, i))) continue;
      const bool near_tie = std::min(whole.margins[i], routes.margins[i]) < options_.margin_tolerance;
      ++(near_tie ? report_.online_near_ties : report_.online_different);
    }
    return absl::OkStatus();
  }

  absl::Status ReplaceOtherDocuments(const SampleTokens& sample, const SampleRoutes& whole) {
    const size_t num_documents = sample.document_starts.size();
    if (num_documents < 2) return absl::OkStatus();
    const size_t kept = random_.Below(num_documents);
    const size_t begin = sample.document_starts[kept];
    const size_t end = kept + 1 < num_documents ? sample.document_starts[kept + 1] : sample.tokens.size();
    SampleTokens changed = sample;
    for (size_t i = 0; i < changed.tokens.size(); ++i) {
      if (i < begin || i >= end) Replace(&changed, i);
    }
    GROUTER_ASSIGN_OR_RETURN(const SampleRoutes routes, network_.Route(changed));
    for (size_t i = begin; i < end; ++i) {
      ++report_.context_compared;
      report_.context_changed += !SameBits(whole, routes, i);
    }
    return absl::OkStatus();
  }

  const RouterNetwork network_;
  const AuditOptions options_;
  Random random_;
  AuditReport report_;
};

}  // namespace

std::string AuditReport::ToJson() const {
  const nlohmann::ordered_json json = {{"causal", causal()},
                                       {"keeps_context_rule", keeps_context_rule()},
                                       {"leak", leak()},
                                       {"next_token_leak", next_token_leak()},
                                       {"num_samples", num_samples},
                                       {"num_cuts", num_cuts},
                                       {"compared", compared},
                                       {"changed", changed},
                                       {"changed_ids", changed_ids},
                                       {"next_token_changed_ids", next_token_changed_ids},
                                       {"context_compared", context_compared},
                                       {"context_changed", context_changed},
                                       {"online_compared", online_compared},
                                       {"online_near_ties", online_near_ties},
                                       {"online_different", online_different}};
  return json.dump();
}

std::string TableAuditReport::ToJson() const {
  const nlohmann::ordered_json json = {{"num_samples", num_samples},
                                       {"compared", compared},
                                       {"near_ties", near_ties},
                                       {"different", different},
                                       {"missing", missing}};
  return json.dump();
}

absl::StatusOr<AuditReport> AuditRouter(const Router& router, const SampleSource& samples,
                                        const AuditOptions& options, const ProgressCallback& progress) {
  Auditor auditor(router, options);
  const uint64_t wanted = std::min(options.num_samples, samples.num_samples());
  SampleTokens sample;
  for (uint64_t i = 0; i < wanted; ++i) {
    GROUTER_RETURN_IF_ERROR(samples.Read(Spread(i, wanted, samples.num_samples()), &sample));
    if (sample.tokens.size() >= 2) GROUTER_RETURN_IF_ERROR(auditor.AuditSample(sample));
    if (progress && !progress({"audit", i + 1, wanted, 0})) {
      return Error(absl::StatusCode::kCancelled, "the audit was cancelled");
    }
  }
  if (auditor.report().num_cuts == 0) {
    return Error(absl::StatusCode::kInvalidArgument, "no sample has two tokens, so nothing can be replaced",
                 "audit", "give longer samples");
  }
  return auditor.report();
}

absl::Status EstablishCausality(const AuditReport& report, Router* router) {
  const bool claims_causal = router->spec.causality == Causality::kCausal;
  if (!report.keeps_context_rule() || (claims_causal && !report.causal())) {
    return Error(absl::StatusCode::kFailedPrecondition,
                 absl::StrCat("the router is not what it claims to be: ", report.changed, " of ",
                              report.compared, " routes depend on later tokens, ", report.context_changed,
                              " of ", report.context_compared, " on other documents, ",
                              report.online_different, " of ", report.online_compared, " change online"),
                 "audit", "declare its causality as it is, or distil a causal router");
  }
  router->spec.causality_established = claims_causal;
  const nlohmann::ordered_json step = {{"step", "audit"}, {"report", ParseOrderedJson(report.ToJson())}};
  router->spec.history.push_back(step.dump());
  router->digest = Digest();
  return absl::OkStatus();
}

absl::StatusOr<TableAuditReport> AuditTable(const Router& router, const RoutingTable& table,
                                            const SampleSource& samples, const AuditOptions& options) {
  if (router.digest.IsZero() || table.header().router_digest != router.digest) {
    return Error(absl::StatusCode::kFailedPrecondition, "the table was made by another router", table.path(),
                 absl::StrCat("give router ", table.header().router_digest.ShortHex()));
  }
  if (samples.num_samples() != table.num_samples()) {
    return Error(absl::StatusCode::kFailedPrecondition, "the table was made from other samples", table.path(),
                 "give the sample index that the table names");
  }
  const RouterNetwork network(router);
  TableAuditReport report;
  const uint64_t wanted = std::min(options.num_samples, samples.num_samples());
  SampleTokens sample;
  for (uint64_t i = 0; i < wanted; ++i) {
    const uint64_t s = Spread(i, wanted, samples.num_samples());
    GROUTER_RETURN_IF_ERROR(samples.Read(s, &sample));
    GROUTER_ASSIGN_OR_RETURN(const SampleRoutes routes, network.Route(sample));
    GROUTER_ASSIGN_OR_RETURN(const RouteView stored, table.CheckedRoutes(s, 0));
    if (stored.num_tokens != routes.num_tokens() || stored.k != routes.k) {
      return Error(absl::StatusCode::kDataLoss, absl::StrCat("sample ", s, " has another shape in the table"),
                   table.path(), "verify the table");
    }
    ++report.num_samples;
    std::vector<uint32_t> ids(stored.k);
    for (uint32_t t = 0; t < stored.num_tokens; ++t) {
      if (stored.IsMissing(t)) {
        ++report.missing;
        continue;
      }
      for (uint32_t r = 0; r < stored.k; ++r) ids[r] = stored.Id(t, r);
      ++report.compared;
      if (SameExperts(Experts(routes, t), ids)) continue;
      ++(routes.margins[t] < options.margin_tolerance ? report.near_ties : report.different);
    }
  }
  return report;
}

}  // namespace grouter
