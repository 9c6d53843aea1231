// SPDX-License-Identifier: Apache-2.0
// The service account's token where the server may not open its file: the keeper opens it, also when it is replaced.
#pragma once
#include <string>

#include "base/error.hpp"
#include "nmi/link/link_socket.hpp"

namespace podid::nmi {

// Used on one thread at a time.
class TokenFile {
 public:
  // `path` empty: there is none. While we still may, the file is opened.
  explicit TokenFile(std::string path);

  // Whether we cannot open it (any more) and have to be handed a descriptor of what replaces it.
  bool is_out_of_reach() const;
  // The newest file that the keeper has opened.
  void replace(Descriptor file) { handed_ = std::move(file); }
  // What the file of the path holds now; where it cannot be opened, what was handed.
  base::Result<std::string> read() const;

 private:
  const std::string path_;
  Descriptor handed_;
};

}  // namespace podid::nmi
