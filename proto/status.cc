#include "proto/status.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/duration.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace grouter {
namespace {

constexpr char kTypePrefix[] = "type.googleapis.com/";

template <typename Detail>
void SetDetail(absl::Status* status, const Detail& detail) {
  status->SetPayload(absl::StrCat(kTypePrefix, detail.GetDescriptor()->full_name()),
                     absl::Cord(detail.SerializeAsString()));
}

template <typename Detail>
bool GetDetail(const absl::Status& status, Detail* detail) {
  const auto payload = status.GetPayload(absl::StrCat(kTypePrefix, detail->GetDescriptor()->full_name()));
  return payload.has_value() && detail->ParseFromString(std::string(*payload));
}

}  // namespace

absl::Status BadRequest(const std::vector<FieldViolation>& violations) {
  google::rpc::BadRequest details;
  std::string message;
  for (const FieldViolation& violation : violations) {
    absl::StrAppend(&message, message.empty() ? "" : "; ", violation.field, ": ", violation.problem);
    auto* wire = details.add_field_violations();
    wire->set_field(violation.field);
    wire->set_description(violation.problem);
  }
  absl::Status status = absl::InvalidArgumentError(message);
  SetDetail(&status, details);
  return status;
}

absl::Status WithReason(absl::Status status, const std::string& reason) {
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("grouter");
  SetDetail(&status, info);
  return status;
}

std::string ReasonOf(const absl::Status& status) {
  google::rpc::ErrorInfo info;
  return GetDetail(status, &info) ? info.reason() : "";
}

absl::Status WithRetryDelay(absl::Status status, std::chrono::milliseconds delay) {
  google::rpc::RetryInfo info;
  info.mutable_retry_delay()->set_seconds(delay.count() / 1000);
  info.mutable_retry_delay()->set_nanos(static_cast<int32_t>(delay.count() % 1000 * 1000000));
  SetDetail(&status, info);
  return status;
}

std::chrono::milliseconds RetryDelayOf(const absl::Status& status) {
  google::rpc::RetryInfo info;
  if (!GetDetail(status, &info)) return std::chrono::milliseconds(0);
  return std::chrono::seconds(info.retry_delay().seconds()) +
         std::chrono::milliseconds(info.retry_delay().nanos() / 1000000);
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const std::string message(status.message());
  google::rpc::Status details;
  status.ForEachPayload([&](absl::string_view type_url, const absl::Cord& payload) {
    auto* any = details.add_details();
    any->set_type_url(std::string(type_url));
    any->set_value(std::string(payload));
  });
  const auto code = static_cast<grpc::StatusCode>(static_cast<int>(status.code()));
  if (details.details().empty()) return grpc::Status(code, message);
  details.set_code(static_cast<int>(status.code()));
  details.set_message(message);
  return grpc::Status(code, message, details.SerializeAsString());
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(static_cast<int>(status.error_code())),
                      status.error_message());
  google::rpc::Status details;
  if (!status.error_details().empty() && details.ParseFromString(status.error_details())) {
    for (const auto& any : details.details()) result.SetPayload(any.type_url(), absl::Cord(any.value()));
  }
  return result;
}

}  // namespace grouter
