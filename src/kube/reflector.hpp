// SPDX-License-Identifier: Apache-2.0
// List and watch, for ever: keeps a sink in step with a collection of the API server.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/async.hpp"
#include "base/backoff.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/task_group.hpp"
#include "kube/client.hpp"
#include "kube/watch_decoder.hpp"

namespace podid::kube {

// Whether a resourceVersion is a later one than another of the same collection. Versions are numbers without leading zeros;
// of anything else it cannot be said.
bool is_later_version(std::string_view version, std::string_view than);

struct ReflectorOptions {
  ResourceType type = {};
  std::string ns = {};  // empty: all namespaces
  std::string label_selector = {};
  std::string field_selector = {};
  // 0: no pages, and the first list may be what the server has in its cache (resourceVersion=0), however old. That is
  // the cheapest way for many clients with a small part each, such as the pods of one node; a large collection in one
  // piece is not. With pages every list is a consistent read. A page has at most so many objects, and fewer where they
  // are large: whoever may write objects must not decide how much memory a list takes.
  std::uint32_t page_size = 500;
  // No list: begins with what changes after now, and so does every new beginning. For who needs few of many objects, and
  // reads those by itself after list_end().
  bool changes_only = false;
  // A watch is asked to end after this time, stretched by up to a half at random so that many clients do not come
  // back at once.
  std::chrono::seconds watch_timeout{300};
  // A watch on which nothing at all arrives for this long, no bookmark either, is taken for dead and opened anew. API
  // servers send a bookmark about every minute.
  std::chrono::seconds silence_limit{150};
  std::chrono::seconds request_timeout{60};  // of one page, also where it is taken in parts, and until a watch is open
  base::BackoffOptions backoff{.initial = std::chrono::milliseconds(500), .limit = std::chrono::seconds(30)};
};

// Receives what a Reflector sees. Calls come one at a time, in the server's order.
class ReflectorSink {
 public:
  virtual ~ReflectorSink() = default;
  // A list: begin, its objects, end. At the end the list is the whole truth: what was not in it is gone. A list that
  // fails half-way is followed by another begin, and must have had no effect. With changes_only no objects come, and what
  // was known before the end may have changed unheard.
  virtual void list_begin() = 0;
  virtual void list_item(json::value object) = 0;
  virtual void list_end() = 0;
  // A change after the last list: never a bookmark.
  virtual void watch_event(WatchEvent event) = 0;
  // Before the begin of a list that follows a server which went back (restored from a backup): a version that was seen may
  // be another state now.
  virtual void versions_begin_anew() {}
};

// Counts for metrics and tests; they only grow.
struct ReflectorStatistics {
  std::uint64_t lists = 0;             // completed
  std::uint64_t watches = 0;           // opened
  std::uint64_t watch_events = 0;      // bookmarks not counted
  std::uint64_t failures = 0;          // of lists and watches, each followed by a wait
  std::uint64_t expired_versions = 0;  // 410, or the server went back: had to list again
};

// Belongs to the client's executor; client and sink outlive it. Call stop() and await it before the destructor.
//
// After a watch ends it is opened again from the last version seen (bookmarks advance it), so nothing is missed; when
// the server no longer has that version (410) the collection is listed again. No list is older than what was seen, unless
// the server itself went back: after an end that was not asked for its present version is compared with ours, as a watch
// from a version of the future would hear nothing (FLD-8).
// Failures are repeated with jittered back-off, for ever; last_error() says what is wrong meanwhile.
class Reflector {
 public:
  Reflector(Client& client, ReflectorOptions options, ReflectorSink& sink);

  void start();
  base::Task<> stop();

  // A list has been completed once.
  bool synced() const { return statistics_.lists > 0; }
  // When the server was last heard: a completed list, an opened watch, anything on it. Null time before the first.
  base::SteadyTime last_contact() const { return last_contact_; }
  // Why the collection cannot be followed at the moment; nothing while all is well.
  const std::optional<base::Error>& last_error() const { return last_error_; }
  const ReflectorStatistics& statistics() const { return statistics_; }
  const std::string& resource_version() const { return version_; }

 private:
  base::Task<> run();
  base::Task<base::Result<>> list();
  base::Task<base::Result<>> list_objects();
  base::Task<base::Result<std::string>> present_version();
  base::Task<base::Result<>> begin_with_changes();
  base::Task<base::Result<>> compare_versions();
  void listed(std::string version);
  base::Result<> take_page(json::value& answer);
  base::Task<base::Result<>> watch();
  base::Task<base::Result<>> read_watch(net::ResponseStream& stream, net::Deadline end);
  base::Result<> take(std::string_view piece, WatchDecoder& decoder);
  void heard();
  void failed(const base::Error& error);

  // constant
  Client& client_;
  const ReflectorOptions options_;
  ReflectorSink& sink_;
  // state
  std::string version_;  // of the last list, event or bookmark; empty: ask for the newest; "0": for any
  bool must_list_ = true;
  bool must_compare_ = false;  // before the next watch
  base::Backoff backoff_;
  base::SteadyTime last_contact_{};
  std::optional<base::Error> last_error_;
  ReflectorStatistics statistics_;
  base::TaskGroup tasks_;  // last: ends before what it uses
};

}  // namespace podid::kube
