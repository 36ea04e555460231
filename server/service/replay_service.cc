#include "server/service/replay_service.h"

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "io/error.h"
#include "proto/status.h"
#include "server/replay/batch_ingest.h"
#include "server/replay/slice_feed.h"
#include "server/service/unary.h"

namespace grouter {
namespace {

constexpr std::chrono::milliseconds kAskAgain(200);  // for a batch that is not sealed yet

absl::Status Stopping() { return Error(absl::StatusCode::kUnavailable, "the server is stopping"); }
absl::Status TooMany() {
  return WithRetryDelay(Error(absl::StatusCode::kResourceExhausted, "too many calls are open"), kAskAgain);
}

// The steps of one call, each on a worker: `Step` does a piece of work and asks gRPC for the next event.
// Deletes itself.
class IngestReactor : public grpc::ServerReadReactor<v1::IngestBatchRequest> {
 public:
  IngestReactor(const ReplayContext& context, absl::StatusOr<Caller> caller,
                v1::IngestBatchResponse* response)
      : context_(context),
        caller_(std::move(caller)),
        permit_(context.watches->TryOpen()),
        response_(response) {
    if (!caller_.ok()) {
      End(caller_.status());
    } else if (permit_ == nullptr) {
      End(TooMany());
    } else {
      StartRead(&request_);
    }
  }
  void OnReadDone(bool ok) override {
    if (!context_.workers->Run([this, ok] { Step(ok); })) End(Stopping());
  }
  void OnDone() override { delete this; }

 private:
  void Step(bool ok) {
    if (!ok) return End(Error(absl::StatusCode::kInvalidArgument, "the stream ended before `seal`"));
    const absl::StatusOr<bool> sealed = Take();
    if (!sealed.ok() || *sealed) return End(sealed.status());
    StartRead(&request_);
  }
  // True when the batch was sealed.
  absl::StatusOr<bool> Take() {
    if (request_.has_open() == (ingest_ != nullptr)) {
      return BadRequest({{"open", "must be in the first message, and only there"}});
    }
    if (ingest_ == nullptr) {
      const ReplayKey key{request_.open().series(), request_.open().batch()};
      GROUTER_RETURN_IF_ERROR(CheckSeriesName(key.series));
      target_ = ReplayStore::TableName(key);
      if (!caller_->Allows(Right::kIngest, target_)) return NoSuchTable(target_);
      GROUTER_ASSIGN_OR_RETURN(ingest_, BatchIngest::Begin(request_.open(), context_.store, *context_.files));
    }
    for (const v1::CapturedRoutes& routes : request_.routes()) {
      GROUTER_RETURN_IF_ERROR(ingest_->Add(routes));
    }
    if (!request_.seal()) return false;
    GROUTER_ASSIGN_OR_RETURN(const SealOutcome outcome, ingest_->Seal());
    const absl::StatusOr<std::shared_ptr<const RoutingTable>> table = context_.store->Find(outcome.batch.key);
    *response_->mutable_batch() =
        DescribeBatch(outcome.batch, table.ok() ? table->get() : nullptr, context_.unix_ms());
    response_->set_already_sealed(outcome.already_sealed);
    return true;
  }
  void End(const absl::Status& status) {
    if (!status.ok()) context_.counters->rejects.Add("replay_ingest");
    if (caller_.ok()) Audit("IngestBatch", caller_->principal, caller_->trace_id, target_, status);
    ingest_.reset();
    Finish(ToGrpcStatus(status));
  }

  const ReplayContext& context_;
  const absl::StatusOr<Caller> caller_;
  const std::shared_ptr<void> permit_;
  std::string target_;  // once the stream was opened
  v1::IngestBatchResponse* const response_;
  v1::IngestBatchRequest request_;
  std::unique_ptr<BatchIngest> ingest_;
};

class SliceReactor : public grpc::ServerWriteReactor<v1::GetSliceResponse> {
 public:
  SliceReactor(const ReplayContext& context, const absl::StatusOr<Caller>& caller,
               const v1::GetSliceRequest& request)
      : context_(context), permit_(context.watches->TryOpen()) {
    const ReplayKey key{request.series(), request.batch()};
    if (!caller.ok()) {
      End(caller.status());
    } else if (!caller->Allows(Right::kRead, ReplayStore::TableName(key))) {
      End(WithRetryDelay(ReplayStore::NotSealed(key), kAskAgain));
    } else if (permit_ == nullptr) {
      End(TooMany());
    } else if (!context_.workers->Run([this, request] { Begin(request); })) {
      End(Stopping());
    }
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return End(absl::CancelledError("the client left"));
    if (!context_.workers->Run([this] { Step(); })) End(Stopping());
  }
  void OnDone() override { delete this; }

 private:
  void Begin(const v1::GetSliceRequest& request) {
    absl::StatusOr<std::shared_ptr<const RoutingTable>> table =
        context_.store->Find({request.series(), request.batch()});
    if (!table.ok()) {
      const bool unsealed = table.status().code() == absl::StatusCode::kNotFound;
      return End(unsealed ? WithRetryDelay(table.status(), kAskAgain) : table.status());
    }
    absl::StatusOr<std::unique_ptr<SliceFeed>> feed = SliceFeed::Create(request, *std::move(table));
    if (!feed.ok()) return End(feed.status());
    feed_ = *std::move(feed);
    *response_.mutable_head() = feed_->head();
    StartWrite(&response_);
  }
  void Step() {
    const absl::StatusOr<bool> more = feed_->Next(&response_);
    if (!more.ok() || !*more) return End(more.status());
    context_.counters->replay_bytes_sent += response_.ByteSizeLong();
    StartWrite(&response_);
  }
  void End(const absl::Status& status) {
    feed_.reset();
    Finish(ToGrpcStatus(status));
  }

  const ReplayContext& context_;
  const std::shared_ptr<void> permit_;
  v1::GetSliceResponse response_;
  std::unique_ptr<SliceFeed> feed_;
};

}  // namespace

grpc::ServerReadReactor<v1::IngestBatchRequest>* ReplayServiceImpl::IngestBatch(
    grpc::CallbackServerContext* context, v1::IngestBatchResponse* response) {
  return new IngestReactor(context_, context_.gate->Admit(*context, Right::kIngest, "IngestBatch"), response);
}

grpc::ServerWriteReactor<v1::GetSliceResponse>* ReplayServiceImpl::GetSlice(
    grpc::CallbackServerContext* context, const v1::GetSliceRequest* request) {
  return new SliceReactor(context_, context_.gate->Admit(*context, Right::kRead, "GetSlice"), *request);
}

grpc::ServerUnaryReactor* ReplayServiceImpl::ListBatches(grpc::CallbackServerContext* context,
                                                         const v1::ListBatchesRequest* request,
                                                         v1::ListBatchesResponse* response) {
  const absl::StatusOr<Caller> caller = context_.gate->Admit(*context, Right::kRead, "ListBatches");
  if (!caller.ok()) return grouter::Finish(context, caller.status());
  for (const SealedBatch& batch : context_.store->List(request->series())) {
    if (!caller->Allows(Right::kRead, ReplayStore::TableName(batch.key))) continue;
    const absl::StatusOr<std::shared_ptr<const RoutingTable>> table = context_.store->Find(batch.key);
    *response->add_batches() = DescribeBatch(batch, table.ok() ? table->get() : nullptr, context_.unix_ms());
  }
  return grouter::Finish(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* ReplayServiceImpl::DropBatch(grpc::CallbackServerContext* context,
                                                       const v1::DropBatchRequest* request,
                                                       v1::DropBatchResponse*) {
  const absl::StatusOr<Caller> caller = context_.gate->Admit(*context, Right::kAdmin, "DropBatch");
  if (!caller.ok()) return grouter::Finish(context, caller.status());
  const ReplayKey key{request->series(), request->batch()};
  const std::string target = ReplayStore::TableName(key);
  const absl::Status dropped =
      caller->Allows(Right::kAdmin, target) ? context_.store->Drop(key) : ReplayStore::NotSealed(key);
  Audit("DropBatch", caller->principal, caller->trace_id, target, dropped);
  return grouter::Finish(context, dropped);
}

}  // namespace grouter
