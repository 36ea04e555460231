#include "server/config/reload.h"

#include <algorithm>

#include "google/protobuf/util/message_differencer.h"

namespace grouter {
namespace {

using google::protobuf::FieldDescriptor;
using server::ServerConfig;

bool IsReloadable(const FieldDescriptor& field) {
  return field.name() == "access" || field.name() == "token_file" || field.name() == "log_level" ||
         field.name() == "max_planner_version";
}

bool Differs(const FieldDescriptor& field, const ServerConfig& a, const ServerConfig& b) {
  google::protobuf::util::MessageDifferencer differencer;
  return !differencer.CompareWithFields(a, b, {&field}, {&field});
}

}  // namespace

ConfigChanges CompareConfigs(const ServerConfig& before, const ServerConfig& after) {
  ConfigChanges changes;
  const google::protobuf::Descriptor& all = *ServerConfig::descriptor();
  for (int i = 0; i < all.field_count(); ++i) {
    const FieldDescriptor& field = *all.field(i);
    if (!Differs(field, before, after)) continue;
    (IsReloadable(field) ? changes.now : changes.at_restart).push_back(field.name());
  }
  return changes;
}

ServerConfig TakeReloadable(const ServerConfig& running, const ServerConfig& next) {
  ServerConfig taken = running;
  *taken.mutable_access() = next.access();
  taken.clear_token_file();
  if (next.has_token_file()) taken.set_token_file(next.token_file());
  taken.set_log_level(next.log_level());
  taken.set_max_planner_version(next.max_planner_version());
  return taken;
}

}  // namespace grouter
