// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/file.hpp"
#include "support/temporary_folder.hpp"

namespace podid::test {

// The machine's iptables, which fail for a while where they are told to. One at a time: it changes PATH.
class FlakyIptables {
 public:
  FlakyIptables() : path_before_(std::getenv("PATH")) {
    for (const char* name : {"iptables", "iptables-restore"}) {
      const std::string script = "#!/bin/sh\nPATH=" + path_before_ + "\n[ ! -e " + broken_ +
                                 " ] || { echo 'iptables: Resource temporarily unavailable' >&2; exit 4; }\nexec " +
                                 name + " \"$@\"\n";
      static_cast<void>(base::write_file(folder_.file(name), script, 0755));
    }
    ::setenv("PATH", (folder_.path() + ":" + path_before_).c_str(), 1);
  }
  ~FlakyIptables() { ::setenv("PATH", path_before_.c_str(), 1); }
  FlakyIptables(const FlakyIptables&) = delete;
  FlakyIptables& operator=(const FlakyIptables&) = delete;

  void fail(bool failing) {
    if (failing) {
      static_cast<void>(base::write_file(broken_, ""));
    } else {
      std::filesystem::remove(broken_);
    }
  }

 private:
  TemporaryFolder folder_;
  const std::string broken_ = folder_.file("broken");
  const std::string path_before_;
};

}  // namespace podid::test
