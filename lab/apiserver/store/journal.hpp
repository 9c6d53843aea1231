// SPDX-License-Identifier: Apache-2.0
// The state file: every change as one JSON line, so that a restarted server has its objects, its
// resourceVersions and the history that watches resume from, however it ended.
#pragma once
#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "lab/apiserver/store/store.hpp"

namespace podid::lab::apiserver {

// Belongs to the store's thread; the store outlives it. Appending blocks for as long as the write() takes.
class Journal {
 public:
  // Reads the file into the empty store (a missing file is an empty one), and then waits for append(). A last
  // line that a crash cut short is dropped. Errors (`invalid`, `unavailable`) name the path and the line.
  static base::Result<std::unique_ptr<Journal>> open(const std::string& path, Store& store);

  // For the store's observer. A failed write is logged and ends the journal; the server goes on.
  void append(const Change& change);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  Journal(std::string path, Store& store) : path_(std::move(path)), store_(store) {}
  base::Result<> read();
  base::Result<> open_for_append();
  bool has_surplus() const;
  base::Result<> rewrite();

  std::string path_;
  Store& store_;
  std::unique_ptr<std::FILE, Close> file_;  // null after a failed write
  std::size_t lines_ = 0;
};

}  // namespace podid::lab::apiserver
