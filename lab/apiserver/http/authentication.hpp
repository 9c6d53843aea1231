// SPDX-License-Identifier: Apache-2.0
// Bearer tokens → users.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/secret.hpp"

namespace podid::lab::apiserver {

// A bearer token and whom it authenticates.
struct TokenUser {
  base::Secret token;
  std::string user;
  std::vector<std::string> groups = {};
};

struct User {
  std::string name;
  std::vector<std::string> groups;
  bool anonymous = false;
};

class Authenticator {
 public:
  explicit Authenticator(std::vector<TokenUser> tokens) : tokens_(std::move(tokens)) {}

  // Nothing for a token that is not known (401). Without an Authorization field: system:anonymous, or, where
  // no tokens are configured, system:admin.
  std::optional<User> authenticate(std::optional<std::string_view> authorization) const;

 private:
  std::vector<TokenUser> tokens_;
};

// The lines of a static token file: token,user,uid[,"group,group"]. Errors name the line, never the token.
base::Result<std::vector<TokenUser>> parse_token_file(std::string_view text);

}  // namespace podid::lab::apiserver
