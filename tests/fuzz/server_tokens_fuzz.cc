// A token file, and what a caller claims: the first line is an Authorization header, the rest the file.
#include <cstdint>
#include <string>

#include "io/error.h"
#include "server/security/principal.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const size_t line = text.find('\n');
  if (line == std::string::npos) return 0;
  const auto tokens = grouter::TokenTable::Parse(text.substr(line + 1), "fuzz");
  if (!tokens.ok()) return 0;
  grouter::CallerFacts facts;
  facts.transport = grouter::Transport::kTls;
  facts.authorization = text.substr(0, line);
  facts.certificate_names = {text.substr(line + 1)};
  const auto principal = grouter::Identify(facts, *tokens, 0);
  // Whoever is let in has a name, and one that a log line can hold.
  GROUTER_CHECK(!principal.ok() || !principal->anonymous());
  if (!principal.ok()) return 0;
  for (const std::string& name : principal->names) {
    for (const char c : name) GROUTER_CHECK(c > 0x20 && c < 0x7F);
  }
  return 0;
}
