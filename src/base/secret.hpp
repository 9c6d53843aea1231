// SPDX-License-Identifier: Apache-2.0
// A string that must not reach a log: it cannot be printed, compared by accident or converted.
#pragma once
#include <string>
#include <string_view>
#include <utility>

namespace podid::base {

// Owns the text and overwrites it when destroyed. Not thread-safe, like std::string.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : text_(std::move(other.text_)) { other.wipe(); }
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() { wipe(); }

  // The only way to the text. The view is valid while this object lives and is not assigned.
  std::string_view reveal() const [[clang::lifetimebound]] { return text_; }
  bool empty() const { return text_.empty(); }
  // "(14 bytes)": what a log line may say.
  std::string description() const;
  // Constant-time comparison.
  friend bool operator==(const Secret& a, const Secret& b);

 private:
  void wipe() noexcept;
  std::string text_;
};

}  // namespace podid::base
