// The options of a command that calls a server.
#ifndef GROUTER_TOOLS_COMMAND_CREDENTIAL_OPTIONS_H_
#define GROUTER_TOOLS_COMMAND_CREDENTIAL_OPTIONS_H_

#include "client/credentials.h"
#include "tools/command/command.h"

namespace grouter {

// --tls_ca, --tls_cert, --tls_key, --token_file. `credentials` outlives the command.
inline Command& AddCredentialOptions(Command& command, ClientCredentials* credentials) {
  return command.Option("--tls_ca", &credentials->tls_ca, "CA of the servers' certificates (PEM): use TLS")
      .Option("--tls_cert", &credentials->tls_cert, "certificate that names this client (PEM)")
      .Option("--tls_key", &credentials->tls_key, "its key (PEM)")
      .Option("--token_file", &credentials->token_file,
              "file with this client's bearer token, instead or too");
}

}  // namespace grouter

#endif  // GROUTER_TOOLS_COMMAND_CREDENTIAL_OPTIONS_H_
