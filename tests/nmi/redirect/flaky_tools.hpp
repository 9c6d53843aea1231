// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.hpp"
#include "support/temporary_folder.hpp"

namespace podid::test {

// The machine's programs of these names, which fail where they are told to. One at a time: it changes PATH.
class FlakyTools {
 public:
  explicit FlakyTools(const std::vector<std::string>& names) : path_before_(std::getenv("PATH")) {
    for (const std::string& name : names) {
      const std::string script = "#!/bin/sh\nPATH=" + path_before_ + "\n[ ! -e " + once_ + " ] || { cat " + once_ +
                                 " >&2; rm " + once_ + "; exit 4; }\n[ ! -e " + broken_ + " ] || { cat " + broken_ +
                                 " >&2; exit 4; }\nexec " + name + " \"$@\"\n";
      static_cast<void>(base::write_file(folder_.file(name), script, 0755));
    }
    ::setenv("PATH", (folder_.path() + ":" + path_before_).c_str(), 1);
  }
  ~FlakyTools() { ::setenv("PATH", path_before_.c_str(), 1); }
  FlakyTools(const FlakyTools&) = delete;
  FlakyTools& operator=(const FlakyTools&) = delete;

  // They say `complaint` and fail: the next time, or until they are to work again.
  void fail_once(std::string_view complaint) { static_cast<void>(base::write_file(once_, complaint)); }
  void fail(std::string_view complaint) { static_cast<void>(base::write_file(broken_, complaint)); }
  void work() { std::filesystem::remove(broken_); }

 private:
  TemporaryFolder folder_;
  const std::string once_ = folder_.file("once");
  const std::string broken_ = folder_.file("broken");
  const std::string path_before_;
};

inline const std::vector<std::string> kIptablesTools{"iptables", "iptables-restore"};
inline constexpr std::string_view kPassingFailure = "iptables: Resource temporarily unavailable";

}  // namespace podid::test
