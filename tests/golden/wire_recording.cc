#include "tests/golden/wire_recording.h"

#include <chrono>
#include <cstring>

#include "grpcpp/generic/generic_stub.h"
#include "io/error.h"

namespace grouter {
namespace testing {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;
using google::protobuf::MethodDescriptor;

constexpr int kUnknownField = 1000;

void Put(const std::string& text, std::string* out) {
  const uint32_t size = static_cast<uint32_t>(text.size());
  out->append(reinterpret_cast<const char*>(&size), sizeof(size));
  out->append(text);
}

const MethodDescriptor* Find(const std::string& method) {
  std::string name = method.substr(1);
  name[name.find('/')] = '.';
  const MethodDescriptor* found = DescriptorPool::generated_pool()->FindMethodByName(name);
  GROUTER_CHECK(found != nullptr);
  return found;
}

std::unique_ptr<Message> New(const google::protobuf::Descriptor* type) {
  return std::unique_ptr<Message>(MessageFactory::generated_factory()->GetPrototype(type)->New());
}

std::string Flatten(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  GROUTER_CHECK(buffer.Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

}  // namespace

std::string EncodeExchange(const Exchange& exchange) {
  std::string bytes;
  Put(exchange.method, &bytes);
  Put(exchange.request, &bytes);
  for (const std::string& response : exchange.responses) Put(response, &bytes);
  return bytes;
}

Exchange DecodeExchange(const std::string& bytes) {
  std::vector<std::string> parts;
  for (size_t at = 0; at < bytes.size();) {
    uint32_t size = 0;
    GROUTER_CHECK(bytes.size() - at >= sizeof(size));
    std::memcpy(&size, bytes.data() + at, sizeof(size));
    at += sizeof(size);
    GROUTER_CHECK(bytes.size() - at >= size);
    parts.push_back(bytes.substr(at, size));
    at += size;
  }
  GROUTER_CHECK(parts.size() >= 2);
  return {parts[0], parts[1], {parts.begin() + 2, parts.end()}};
}

grpc::Status Call(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                  const std::string& request, std::vector<std::string>* responses) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareCall(&context, method, &queue);
  const auto succeeds = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    GROUTER_CHECK(queue.Next(&tag, &ok));
    return ok;
  };
  call->StartCall(nullptr);
  if (succeeds()) {
    const grpc::Slice slice(request);
    const grpc::ByteBuffer message(&slice, 1);
    if (Find(method)->client_streaming()) {
      call->Write(message, nullptr);
    } else {
      call->WriteLast(message, grpc::WriteOptions(), nullptr);
    }
    succeeds();
    while (true) {
      grpc::ByteBuffer answer;
      call->Read(&answer, nullptr);
      if (!succeeds()) break;
      responses->push_back(Flatten(answer));
    }
  }
  grpc::Status status;
  call->Finish(&status, nullptr);
  succeeds();
  return status;
}

std::unique_ptr<Message> NewRequest(const std::string& method) { return New(Find(method)->input_type()); }
std::unique_ptr<Message> NewResponse(const std::string& method) { return New(Find(method)->output_type()); }

void AddUnknownFields(Message* message) {
  const google::protobuf::Reflection* reflection = message->GetReflection();
  reflection->MutableUnknownFields(message)->AddVarint(kUnknownField, 7);
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(*message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      AddUnknownFields(reflection->MutableMessage(message, field));
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(*message, field); ++i) {
      AddUnknownFields(reflection->MutableRepeatedMessage(message, field, i));
    }
  }
}

}  // namespace testing
}  // namespace grouter
