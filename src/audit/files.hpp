// SPDX-License-Identifier: Apache-2.0
// What the log does with its files. Blocking; errors name the file.
#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace podid::audit {

// What errno says, of a file that is written: `denied` where rights are missing, `unavailable` where the disk is full or fails.
std::unexpected<base::Error> fail_on_file(const std::string& what);

// All of it; `at`: there, else at the end. An error may leave a part.
base::Result<> write_all(int fd, std::string_view bytes, std::optional<std::uint64_t> at, const std::string& path);

// A file or a folder, to the disk. That it cannot be is no reason not to go on: some file systems do not sync folders.
void sync_path(const std::string& path);

// The folder that a file lies in.
std::string folder_of(const std::string& path);

// Bytes up to the last newline: what follows is half a line.
base::Result<std::uint64_t> whole_lines(int fd, const std::string& path);

}  // namespace podid::audit
