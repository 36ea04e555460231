#include <sys/stat.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "io/digest.h"
#include "io/error.h"
#include "io/file.h"
#include "tools/certs/commands.h"
#include "tools/certs/make_certificates.h"

namespace grouter {
namespace {

constexpr int64_t kSecondsPerDay = 86400;
constexpr int64_t kClockSkewSeconds = 300;
constexpr uint64_t kMaxFileBytes = 1 << 20;

struct Options {
  std::string out = "certs", client = "trainer";
  std::vector<std::string> hosts;
  uint64_t days = 825;
};

// Files made while it lives are their owner's alone.
class OwnerOnly {
 public:
  OwnerOnly() : before_(umask(0077)) {}
  ~OwnerOnly() { umask(before_); }

 private:
  const mode_t before_;
};

class Set {
 public:
  explicit Set(std::string folder) : folder_(std::move(folder)) {}

  std::string Path(const std::string& name) const { return JoinPath(folder_, name); }
  bool Has(const std::string& name) const { return files_.Exists(Path(name)); }
  absl::StatusOr<std::string> Read(const std::string& name) const {
    return files_.ReadFile(Path(name), kMaxFileBytes);
  }
  absl::Status Write(const std::string& name, const std::string& text) {
    made_.push_back(name);
    return WriteFileAtomically(files_, Path(name), text);
  }
  // NAME.pem and NAME.key, unless both are there. Half a pair is made anew.
  template <typename Make>
  absl::Status Pair(const std::string& name, const Make& make) {
    if (Has(name + ".pem") && Has(name + ".key")) return absl::OkStatus();
    GROUTER_ASSIGN_OR_RETURN(const KeyPair pair, make());
    GROUTER_RETURN_IF_ERROR(Write(name + ".key", pair.key));
    return Write(name + ".pem", pair.certificate);
  }
  const std::vector<std::string>& made() const { return made_; }
  FileSystem& files() { return files_; }

 private:
  const std::string folder_;
  FileSystem& files_ = FileSystem::Local();
  std::vector<std::string> made_;
};

absl::Status MakeTokens(const Options& options, Set* set) {
  if (set->Has("tokens") && set->Has("client.token")) return absl::OkStatus();
  GROUTER_ASSIGN_OR_RETURN(const std::string token, MakeToken());
  GROUTER_RETURN_IF_ERROR(set->Write("client.token", token + "\n"));
  return set->Write("tokens", absl::StrCat("# NAME TOKEN, a line each; the server reads it again at SIGHUP\n",
                                           options.client, " sha256:", Sha256(token).Hex(), "\n"));
}

absl::StatusOr<int> Run(const Options& options, Terminal& terminal) {
  if (options.days == 0 || options.days > 36500) {
    return Error(absl::StatusCode::kInvalidArgument, "not a time a certificate can be valid", "--days",
                 "Give 1 to 36500.");
  }
  const OwnerOnly owner_only;
  Set set(options.out);
  GROUTER_RETURN_IF_ERROR(set.files().MakeFolders(options.out));
  const int64_t now = std::time(nullptr);
  const Validity validity{now - kClockSkewSeconds, now + static_cast<int64_t>(options.days) * kSecondsPerDay};
  if (!set.Has("ca.pem") && set.Has("ca.key")) {
    return Error(absl::StatusCode::kFailedPrecondition, "a key without its certificate", set.Path("ca.key"),
                 "Put ca.pem back, or choose an empty folder.");
  }
  if (!set.Has("ca.pem")) {
    GROUTER_RETURN_IF_ERROR(set.Pair("ca", [&] { return MakeAuthority("Grouter private CA", validity); }));
  }
  KeyPair authority;
  GROUTER_ASSIGN_OR_RETURN(authority.certificate, set.Read("ca.pem"));
  if (set.Has("ca.key")) {
    GROUTER_ASSIGN_OR_RETURN(authority.key, set.Read("ca.key"));
  }
  std::vector<std::string> hosts = options.hosts;
  hosts.insert(hosts.end(), {"localhost", "127.0.0.1", "::1"});
  GROUTER_RETURN_IF_ERROR(
      set.Pair("server", [&] { return MakeCertificate(authority, Role::kServer, hosts, validity); }));
  GROUTER_RETURN_IF_ERROR(set.Pair(
      "client", [&] { return MakeCertificate(authority, Role::kClient, {options.client}, validity); }));
  GROUTER_RETURN_IF_ERROR(MakeTokens(options, &set));
  nlohmann::json json = {{"folder", options.out},
                         {"hosts", hosts},
                         {"client", options.client},
                         {"made", set.made()},
                         {"days", options.days}};
  std::string text = absl::StrCat("made in ", options.out, ":");
  for (const std::string& name : set.made()) absl::StrAppend(&text, " ", name);
  if (set.made().empty()) absl::StrAppend(&text, " nothing, all of it was there");
  absl::StrAppend(&text, "\nserver:  --tls_cert ", set.Path("server.pem"), " --tls_key ",
                  set.Path("server.key"), " --tls_client_ca ", set.Path("ca.pem"), " --token_file ",
                  set.Path("tokens"), "\nclients: --tls_ca ", set.Path("ca.pem"), " --tls_cert ",
                  set.Path("client.pem"), " --tls_key ", set.Path("client.key"),
                  "\nKeep ca.key away from both.\n");
  terminal.Result(text, json.dump());
  return 0;
}

}  // namespace

void AddCertsInitCommand(Command& certs) {
  Command& command = certs.Add("init", "make a private set of certificates and tokens for a cluster");
  Options* options = command.Keep(Options());
  command.Option("--out", &options->out, "folder; what is there already stays")
      .Option("--host", &options->hosts, "names and addresses that clients reach servers by")
      .Option("--client", &options->client, "what rules call the clients: cert:NAME and token:NAME")
      .Option("--days", &options->days, "how long the certificates are valid")
      .Footer(
          "Writes ca, server and client (.pem, .key), tokens (the server's) and client.token, readable by "
          "their owner alone. To renew a pair, remove it and run this again beside ca.key.")
      .Run([options](Terminal& terminal) { return Run(*options, terminal); });
}

}  // namespace grouter
