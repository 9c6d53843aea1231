// SPDX-License-Identifier: Apache-2.0
// The bearer token of a ClusterConfig, kept current: mounted tokens are replaced by the kubelet while we run.
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"

namespace podid::kube {

// A token as it stands in a file or a kubeconfig, without the white space around it. `invalid` when it is empty or
// cannot be sent in a header field; the message does not show it.
base::Result<base::Secret> parse_token(std::string_view text);

// Belongs to one thread. Reads a small mounted file on it, at most once a minute and after each refusal.
class TokenSource {
 public:
  using ReadFile = std::function<base::Result<std::string>()>;

  // With an empty file name the token is fixed. `read_file` reads the file; empty: base::read_file.
  TokenSource(base::Secret token, std::string file, base::Clock& clock, ReadFile read_file = {});

  // The token to send now; an empty one means that none is used. When the file cannot be read the last token that
  // could be is served; an error is returned only while there has never been one.
  base::Result<base::Secret> current();
  // The server has refused it (401): reads the file again. True if the token is another one now, so that a second
  // attempt makes sense.
  bool renew_after_refusal();

 private:
  base::Result<> read();

  base::Secret token_;
  const std::string file_;
  const ReadFile read_file_;
  base::Clock& clock_;
  base::SteadyTime read_at_{};
  bool have_read_ = false;
};

}  // namespace podid::kube
