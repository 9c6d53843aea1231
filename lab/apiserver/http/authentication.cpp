// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/http/authentication.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace podid::lab::apiserver {
namespace {

// A line of comma-separated values, where a value may stand in double quotes.
std::optional<std::vector<std::string>> split_csv(std::string_view line) {
  std::vector<std::string> out(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  if (quoted) return std::nullopt;
  for (std::string& value : out) value = std::string(base::trim(value));
  return out;
}

}  // namespace

std::optional<User> Authenticator::authenticate(std::optional<std::string_view> authorization) const {
  if (tokens_.empty()) return User{.name = "system:admin", .groups = {"system:masters", "system:authenticated"}};
  if (!authorization) return User{.name = "system:anonymous", .groups = {"system:unauthenticated"}, .anonymous = true};
  constexpr std::string_view kScheme = "Bearer ";
  if (!base::istarts_with(*authorization, kScheme)) return std::nullopt;
  const base::Secret given{std::string(base::trim(authorization->substr(kScheme.size())))};
  for (const TokenUser& known : tokens_) {
    if (!(known.token == given)) continue;
    User user{.name = known.user, .groups = known.groups};
    user.groups.emplace_back("system:authenticated");
    return user;
  }
  return std::nullopt;
}

base::Result<std::vector<TokenUser>> parse_token_file(std::string_view text) {
  std::vector<TokenUser> out;
  std::size_t number = 0;
  for (const std::string_view line : base::split(text, '\n')) {
    ++number;
    if (base::trim(line).empty() || base::trim(line).starts_with('#')) continue;
    auto values = split_csv(line);
    if (!values || values->size() < 3 || (*values)[0].empty() || (*values)[1].empty()) {
      return base::fail(base::ErrorKind::invalid,
                        fmt::format("line {}: want token,user,uid[,\"group,group\"]", number));
    }
    TokenUser user{.token = base::Secret(std::move((*values)[0])), .user = std::move((*values)[1])};
    if (values->size() > 3) {
      for (const std::string_view group : base::split((*values)[3], ',')) {
        if (!base::trim(group).empty()) user.groups.emplace_back(base::trim(group));
      }
    }
    out.push_back(std::move(user));
  }
  return out;
}

}  // namespace podid::lab::apiserver
