// SPDX-License-Identifier: Apache-2.0
#include "base/secret.hpp"

#include <openssl/crypto.h>

namespace podid::base {

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) {
    wipe();
    text_ = other.text_;
  }
  return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    text_ = std::move(other.text_);
    other.wipe();
  }
  return *this;
}

std::string Secret::description() const { return "(" + std::to_string(text_.size()) + " bytes)"; }

void Secret::wipe() noexcept {
  // All of the buffer: a string that was moved from or shortened still has the text behind its end.
  text_.resize(text_.capacity());
  OPENSSL_cleanse(text_.data(), text_.size());
  text_.clear();
}

bool operator==(const Secret& a, const Secret& b) {
  return a.text_.size() == b.text_.size() && CRYPTO_memcmp(a.text_.data(), b.text_.data(), a.text_.size()) == 0;
}

}  // namespace podid::base
