// SPDX-License-Identifier: Apache-2.0
// Everything that a client of the embedded API server can grow, with its limit and what happens beyond it.
#pragma once
#include <chrono>
#include <cstddef>

namespace podid::lab::apiserver {

struct Limits {
  std::size_t max_body_bytes = 3 * 1024 * 1024;      // 413, as the real server's request limit
  std::size_t max_object_bytes = 1536 * 1024;        // 413, as etcd's default request limit
  std::size_t max_objects = 200'000;                 // 500, as a full etcd
  std::size_t max_watchers = 4096;                   // 429
  std::size_t max_watch_queue = 4096;                // events that wait for a slow watcher; beyond: it is dropped
  std::size_t max_history = 100'000;                 // changes that a watch or a paged list can go back; then 410
  std::size_t max_patch_operations = 10'000;         // of one JSON patch: 413
  std::chrono::seconds bookmark_interval{60};        // for watches that ask for bookmarks
  std::chrono::seconds default_watch_timeout{1800};  // where a watch gives no timeoutSeconds
};

// Nesting of JSON that is read; deeper bodies are malformed (400).
inline constexpr std::size_t kMaxJsonDepth = 128;

}  // namespace podid::lab::apiserver
