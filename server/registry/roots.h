// What lies under a server's roots: routing tables (folders with a MANIFEST) and placement schedules (files
// named *.schedule), found by walking, named by digest. Reads manifests and schedules only.
#ifndef GROUTER_SERVER_REGISTRY_ROOTS_H_
#define GROUTER_SERVER_REGISTRY_ROOTS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "io/digest.h"
#include "io/file.h"

namespace grouter {

inline constexpr char kScheduleSuffix[] = ".schedule";
inline constexpr int kMaxRootDepth = 5;  // folders below a root that are looked into

struct Artefact {
  std::string path;      // absolute
  std::string relative;  // to its root: what people see
  bool packed = false;   // a table that has to be unpacked before it serves
};

struct RootContents {
  std::map<Digest, Artefact> tables;
  std::map<Digest, Artefact> schedules;
};

// Walks the roots. Damaged or unreadable artefacts are left out; of two with one digest the first in byte
// order stays, but a plain table goes before a packed one. Symbolic links are not followed, so nothing
// outside a root is reached.
RootContents ScanRoots(const std::vector<std::string>& roots, FileSystem& files);

}  // namespace grouter

#endif  // GROUTER_SERVER_REGISTRY_ROOTS_H_
