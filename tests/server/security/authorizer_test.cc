#include "server/security/authorizer.h"

#include "gtest/gtest.h"

namespace grouter {
namespace {

const Principal kNobody;
const Principal kTrainer{{"token:trainer"}};
const Principal kOps{{"cert:ops.cluster", "uid:0"}};

Authorizer Rules() {
  return Authorizer({{{"anonymous"}, {"public/*"}, {Right::kRead}},
                     {{"token:*"}, {"team-a/*", "series-?"}, {Right::kRead, Right::kIngest}},
                     {{"cert:ops.*"}, {"*"}, {Right::kRead, Right::kAdmin}}});
}

TEST(AuthorizerTest, GivesWhatARuleGivesAndNothingElse) {
  const Authorizer rules = Rules();
  EXPECT_TRUE(rules.Allows(kTrainer, Right::kRead, "team-a/tables/train"));
  EXPECT_TRUE(rules.Allows(kTrainer, Right::kIngest, "series-1"));
  EXPECT_FALSE(rules.Allows(kTrainer, Right::kIngest, "series-12"));
  EXPECT_FALSE(rules.Allows(kTrainer, Right::kAdmin, "team-a/tables/train"));
  EXPECT_FALSE(rules.Allows(kTrainer, Right::kRead, "team-b/train"));
  EXPECT_TRUE(rules.Allows(kOps, Right::kAdmin, "team-b/train"));
  EXPECT_TRUE(rules.Allows(kNobody, Right::kRead, "public/train"));
  EXPECT_FALSE(rules.Allows(kNobody, Right::kRead, "team-a/train"));
  EXPECT_FALSE(rules.AllowsAny(kNobody, Right::kRegister));
  EXPECT_FALSE(Authorizer({}).AllowsAny(kOps, Right::kRead));
}

TEST(AuthorizerTest, AnswersForATableThatIsForbiddenAndForOneThatIsNotThereAreTheSame) {
  const Authorizer rules = Rules();
  EXPECT_TRUE(rules.Check(kTrainer, Right::kRead, "team-a/x").ok());
  EXPECT_EQ(rules.Check(kTrainer, Right::kRead, "team-b/x"), NoSuchTable("team-b/x"));
  EXPECT_EQ(rules.Check(kTrainer, Right::kAdmin, "team-a/x").code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(rules.Check(kTrainer, Right::kAdmin, "no such"),
            rules.Check(kTrainer, Right::kAdmin, "team-a/x"));
  EXPECT_EQ(rules.Check(kNobody, Right::kAdmin, "public/x").code(), absl::StatusCode::kUnauthenticated);
}

TEST(AuthorizerTest, AnonymousNeverIngestsOrAdministersWhateverARuleSays) {
  const std::vector<AccessRule> rules = {{{"anonymous"}, {"*"}, {Right::kIngest, Right::kAdmin}}};
  EXPECT_FALSE(Authorizer(rules).AllowsAny(kNobody, Right::kIngest));
  EXPECT_FALSE(Authorizer(rules).AllowsAny(kNobody, Right::kAdmin));
  EXPECT_FALSE(ProblemsOf(rules).empty());
}

TEST(AuthorizerTest, ARuleThatCouldNeverHoldIsAProblem) {
  EXPECT_TRUE(ProblemsOf({{{"cert:a", "token:*", "uid:1", "owner"}, {"*"}, {Right::kAdmin}}}).empty());
  EXPECT_FALSE(ProblemsOf({{{"*"}, {"*"}, {Right::kRead}}}).empty());
  EXPECT_FALSE(ProblemsOf({{{"token:"}, {"*"}, {Right::kRead}}}).empty());
  EXPECT_FALSE(ProblemsOf({{{}, {"*"}, {Right::kRead}}}).empty());
  EXPECT_FALSE(ProblemsOf({{{"owner"}, {}, {Right::kRead}}}).empty());
  EXPECT_FALSE(ProblemsOf({{{"owner"}, {"*"}, {}}}).empty());
}

TEST(AuthorizerTest, ANameIsNoPattern) {
  const Authorizer rules({{{"token:a"}, {"[x]*"}, {Right::kRead}}});
  EXPECT_FALSE(rules.Allows(Principal{{"token:*"}}, Right::kRead, "x1"));
  EXPECT_TRUE(rules.Allows(Principal{{"token:a"}}, Right::kRead, "x1"));
}

}  // namespace
}  // namespace grouter
