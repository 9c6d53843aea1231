// SPDX-License-Identifier: Apache-2.0
#include "kube/token_source.hpp"

#include <algorithm>
#include <utility>

#include "base/file.hpp"
#include "base/text.hpp"

namespace podid::kube {
namespace {

constexpr std::chrono::minutes kReadEvery{1};
constexpr std::size_t kMaxTokenBytes = 64 * 1024;

}  // namespace

base::Result<base::Secret> parse_token(std::string_view text) {
  const std::string_view token = base::trim(text);
  if (token.empty()) return base::fail(base::ErrorKind::invalid, "the token is empty");
  if (token.size() > kMaxTokenBytes) return base::fail(base::ErrorKind::invalid, "the token is larger than 64 KiB");
  // Anything else would end the header field or be refused by the server with a text that does not help.
  if (!std::ranges::all_of(token, [](char c) { return c > ' ' && c < '\x7f'; })) {
    return base::fail(base::ErrorKind::invalid, "the token has characters that no bearer token has");
  }
  return base::Secret(std::string(token));
}

TokenSource::TokenSource(base::Secret token, std::string file, base::Clock& clock, ReadFile read_file)
    : token_(std::move(token)), file_(std::move(file)), read_file_(std::move(read_file)), clock_(clock) {}

base::Result<base::Secret> TokenSource::current() {
  if (file_.empty()) return token_;
  if (!have_read_ || clock_.steady_now() - read_at_ >= kReadEvery) {
    const base::Result<> result = read();
    if (!result && token_.empty()) return std::unexpected(result.error());
  }
  return token_;
}

bool TokenSource::renew_after_refusal() {
  if (file_.empty()) return false;
  const base::Secret refused = token_;
  const base::Result<> result = read();
  return result.has_value() && !(token_ == refused);
}

base::Result<> TokenSource::read() {
  read_at_ = clock_.steady_now();
  have_read_ = true;
  base::Result<std::string> text = read_file_ ? read_file_() : base::read_file(file_, kMaxTokenBytes);
  if (!text) return base::fail(std::move(text.error()), "reading the bearer token");
  base::Result<base::Secret> token = parse_token(*text);
  if (!token) return base::fail(std::move(token.error()), file_);
  token_ = std::move(*token);
  return {};
}

}  // namespace podid::kube
