// SPDX-License-Identifier: Apache-2.0
// Small files, read and written whole. Blocking: for start-up, command lines and re-reads of mounted credentials.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace podid::base {

// Errors name the path and the reason. A file larger than `max_bytes` is refused.
Result<std::string> read_file(const std::string& path, std::size_t max_bytes = 4 << 20);
// Written to a temporary name beside it and renamed, so a reader sees the old or the new content.
Result<> write_file(const std::string& path, std::string_view content, unsigned mode = 0644);

}  // namespace podid::base
