// Recorded calls of the wire: a request and what a server of that time answered, byte for byte.
#ifndef GROUTER_TESTS_GOLDEN_WIRE_RECORDING_H_
#define GROUTER_TESTS_GOLDEN_WIRE_RECORDING_H_

#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/message.h"
#include "grpcpp/channel.h"
#include "grpcpp/support/status.h"

namespace grouter {
namespace testing {

struct Exchange {
  std::string method;  // "/grouter.v1.PlanService/GetPlan"
  std::string request;
  std::vector<std::string> responses;
};

// A file of length-prefixed strings: method, request, responses.
std::string EncodeExchange(const Exchange& exchange);
// Dies when it is none.
Exchange DecodeExchange(const std::string& bytes);

// Sends one request message, and half-closes unless the method is StreamPlans; takes all answers.
grpc::Status Call(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                  const std::string& request, std::vector<std::string>* responses);

// A message of the method's request or response type. Dies for a method that this program does not have.
std::unique_ptr<google::protobuf::Message> NewRequest(const std::string& method);
std::unique_ptr<google::protobuf::Message> NewResponse(const std::string& method);

// Adds a field that no version has to the message and to every message inside it.
void AddUnknownFields(google::protobuf::Message* message);

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_GOLDEN_WIRE_RECORDING_H_
