// SPDX-License-Identifier: Apache-2.0
#include "kube/reflector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "kube/json.hpp"
#include "kube/status.hpp"

namespace podid::kube {
namespace {

using base::Error;
using base::ErrorKind;
using base::Result;
using base::Task;

// A watch that the server ends sooner and without having said anything is a failure: opening it again at once would
// be a tight loop.
constexpr std::chrono::seconds kShortestWatch{1};
// After the time that we asked for, the server gets this long to end the watch itself.
constexpr std::chrono::seconds kWatchGrace{30};
constexpr double kWatchTimeoutStretch = 0.5;

constexpr std::string_view kAnyVersion = "0";

// Nobody knows how large the objects are before the first page.
constexpr std::uint32_t kFirstPage = 50;
constexpr std::size_t kPageBytes = 4 << 20;

// How many objects to ask for after a page of `limit` of them took so many bytes.
std::uint32_t next_page(std::uint32_t limit, std::size_t bytes, std::uint32_t most) {
  const std::size_t fitting = kPageBytes * limit / std::max<std::size_t>(bytes, 1);
  return static_cast<std::uint32_t>(std::clamp<std::size_t>(fitting, 1, std::min<std::size_t>(limit * 2UL, most)));
}

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return '0' <= c && c <= '9'; });
}

}  // namespace

bool is_later_version(std::string_view version, std::string_view than) {
  if (!is_number(version) || !is_number(than)) return false;
  return version.size() != than.size() ? version.size() > than.size() : version > than;
}

Reflector::Reflector(Client& client, ReflectorOptions options, ReflectorSink& sink)
    : client_(client),
      options_(std::move(options)),
      sink_(sink),
      version_(options_.page_size == 0 ? kAnyVersion : ""),
      backoff_(options_.backoff, client.random()),
      tasks_(client.executor()) {}

void Reflector::start() { tasks_.spawn(fmt::format("reflector of {}", options_.type.plural), run()); }

Task<> Reflector::stop() {
  tasks_.stop();
  co_await tasks_.join();
}

Task<> Reflector::run() {
  while (true) {
    Result<> result;
    if (must_list_) {
      result = co_await list();
    } else if (must_compare_) {
      result = co_await compare_versions();
    } else {
      result = co_await watch();
    }
    if (result) continue;
    failed(result.error());
    const std::chrono::milliseconds asked = result.error().retry_after.value_or(std::chrono::seconds(0));
    co_await client_.clock().sleep_for(std::max(backoff_.next(), asked));
  }
}

Task<Result<>> Reflector::list() { return options_.changes_only ? begin_with_changes() : list_objects(); }

// Of a list without a version metadata.resourceVersion is the server's present one, whatever is in it. Without selectors,
// as the server would look through the collection for the first object that they fit.
Task<Result<std::string>> Reflector::present_version() {
  ListOptions one;
  one.ns = options_.ns;
  one.limit = 1;
  Result<json::value> answer =
      co_await client_.list(options_.type, one, net::Deadline::in(client_.clock(), options_.request_timeout));
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  std::string version(base::text_at(*answer, {"metadata", "resourceVersion"}));
  if (version.empty()) {
    co_return base::fail(ErrorKind::invalid,
                         fmt::format("the list of {} has no resourceVersion", options_.type.plural));
  }
  co_return version;
}

Task<Result<>> Reflector::begin_with_changes() {
  sink_.list_begin();
  Result<std::string> version = co_await present_version();
  if (!version) co_return std::unexpected(std::move(version.error()));
  listed(std::move(*version));
  co_return Result<>();
}

Task<Result<>> Reflector::compare_versions() {
  const Result<std::string> present = co_await present_version();
  if (!present) co_return std::unexpected(present.error());
  must_compare_ = false;
  if (!is_later_version(version_, *present)) co_return Result<>();
  base::log::warning("the API server is behind what it said before, as after a restore: reading everything again",
                     {{"resource", options_.type.plural}, {"seen", version_}, {"present", *present}});
  version_.clear();
  must_list_ = true;
  ++statistics_.expired_versions;
  sink_.versions_begin_anew();
  co_return Result<>();
}

void Reflector::listed(std::string version) {
  version_ = std::move(version);
  must_list_ = false;
  must_compare_ = false;
  ++statistics_.lists;
  heard();
  sink_.list_end();
}

Task<Result<>> Reflector::list_objects() {
  ListOptions page;
  page.ns = options_.ns;
  page.label_selector = options_.label_selector;
  page.field_selector = options_.field_selector;
  page.limit = std::min(options_.page_size, kFirstPage);
  std::size_t bytes = 0;
  page.answer_bytes = &bytes;
  page.resource_version = version_;
  if (!version_.empty() && version_ != kAnyVersion) page.resource_version_match = "NotOlderThan";
  sink_.list_begin();
  std::string version;
  do {
    const net::Deadline deadline = net::Deadline::in(client_.clock(), options_.request_timeout);
    Result<json::value> answer = co_await list_page(client_, options_.type, page, deadline);
    if (!answer) co_return std::unexpected(std::move(answer.error()));
    const std::uint32_t most = options_.page_size == 0 ? kFirstPage : options_.page_size;
    if (page.limit != 0) page.limit = next_page(page.limit, bytes, most);
    // All pages show the state of the first one's version.
    if (version.empty()) version = base::text_at(*answer, {"metadata", "resourceVersion"});
    page.continue_token = base::text_at(*answer, {"metadata", "continue"});
    page.resource_version.clear();  // the continue token carries it
    page.resource_version_match.clear();
    Result<> taken = take_page(*answer);
    if (!taken) co_return taken;
  } while (!page.continue_token.empty());
  if (version.empty()) {
    co_return base::fail(ErrorKind::invalid,
                         fmt::format("the list of {} has no resourceVersion", options_.type.plural));
  }
  listed(std::move(version));
  co_return Result<>();
}

Result<> Reflector::take_page(json::value& answer) {
  const Result<std::span<json::value>> items = items_of(answer, options_.type.plural);
  if (!items) return std::unexpected(items.error());
  for (json::value& item : *items) sink_.list_item(std::move(item));
  return {};
}

Task<Result<>> Reflector::watch() {
  WatchOptions wanted;
  wanted.ns = options_.ns;
  wanted.label_selector = options_.label_selector;
  wanted.field_selector = options_.field_selector;
  wanted.resource_version = version_;
  const double stretch = 1 + kWatchTimeoutStretch * client_.random().unit();
  const std::chrono::seconds timeout(
      static_cast<std::int64_t>(static_cast<double>(options_.watch_timeout.count()) * stretch));
  wanted.timeout_seconds = static_cast<std::uint32_t>(timeout.count());

  Result<net::ResponseStream> stream =
      co_await client_.watch(options_.type, wanted, net::Deadline::in(client_.clock(), options_.request_timeout));
  if (!stream) co_return std::unexpected(std::move(stream.error()));
  ++statistics_.watches;
  heard();
  const base::SteadyTime opened = client_.clock().steady_now();
  const net::Deadline end = net::Deadline::in(client_.clock(), timeout + kWatchGrace);

  Result<> result = co_await read_watch(*stream, end);
  const base::Duration lasted = client_.clock().steady_now() - opened;
  // Whatever ended it: a watch that worked for a while was no failure to reach the server.
  if (lasted >= kShortestWatch) backoff_.reset();
  // A server that ends it as asked is the one that we know.
  must_compare_ = !result || lasted < timeout - kShortestWatch;
  co_return result;
}

Task<Result<>> Reflector::read_watch(net::ResponseStream& stream, net::Deadline end) {
  WatchDecoder decoder;
  const base::SteadyTime opened = client_.clock().steady_now();
  bool silent = true;
  while (true) {
    const net::Deadline deadline = std::min(end, net::Deadline::in(client_.clock(), options_.silence_limit));
    Result<std::string> piece = co_await stream.read_some(deadline);
    if (!piece) co_return std::unexpected(std::move(piece.error()));
    if (piece->empty()) break;
    silent = false;
    heard();
    Result<> taken = take(*piece, decoder);
    if (!taken) co_return taken;
  }
  Result<> finished = decoder.finish();
  if (finished && silent && client_.clock().steady_now() - opened < kShortestWatch) {
    finished = base::fail(ErrorKind::unavailable, "the server ended the watch at once");
  }
  co_return finished;
}

Result<> Reflector::take(std::string_view piece, WatchDecoder& decoder) {
  std::vector<WatchEvent> events;
  Result<> decoded = decoder.feed(piece, events);
  for (WatchEvent& event : events) {
    const std::string_view version = base::text_at(event.object, {"metadata", "resourceVersion"});
    if (!version.empty()) version_ = version;
    if (event.type == WatchEvent::Type::bookmark) continue;
    ++statistics_.watch_events;
    sink_.watch_event(std::move(event));
  }
  if (!events.empty()) backoff_.reset();
  return decoded;
}

void Reflector::heard() {
  last_contact_ = client_.clock().steady_now();
  last_error_.reset();
}

void Reflector::failed(const Error& error) {
  ++statistics_.failures;
  last_error_ = error;
  base::log::warning("list or watch failed", {{"resource", options_.type.plural}, {"error", error}});
  must_compare_ = true;
  if (is_version_too_large(error)) sink_.versions_begin_anew();
  if (error.kind == ErrorKind::gone || is_version_too_large(error)) {
    // The server cannot go on from here: it has forgotten the version, or (restored from a backup) never had it.
    version_.clear();
    must_list_ = true;
    ++statistics_.expired_versions;
  } else if (error.kind == ErrorKind::invalid) {
    must_list_ = true;  // something in the stream cannot be read: go around it
  }
}

}  // namespace podid::kube
