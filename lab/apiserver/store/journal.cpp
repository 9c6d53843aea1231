// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/store/journal.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <map>
#include <system_error>

#include "base/file.hpp"
#include "base/log.hpp"
#include "lab/apiserver/wire/json_tools.hpp"

namespace podid::lab::apiserver {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{1} << 30;
// The file is written anew, without the changes that no longer matter, when it has this many lines more than
// objects.
constexpr std::size_t kSurplusLines = 50'000;
// Objects hold secrets.
constexpr unsigned kMode = 0600;

std::string line_of(std::uint64_t revision, std::string_view bucket, const StoredObject& object, bool present) {
  const json::object head{
      {"revision", revision}, {"bucket", bucket}, {"namespace", object.ns()}, {"name", object.name()}};
  std::string line = json::serialize(head);
  if (present) {
    line.pop_back();
    line += fmt::format(",\"object\":{}}}", object.text());
  }
  return line + "\n";
}

std::string position_line(std::uint64_t revision, std::uint64_t compacted) {
  return json::serialize(json::object{{"revision", revision}, {"compacted", compacted}}) + "\n";
}

std::optional<std::uint64_t> number_at(const json::value& line, std::string_view name) {
  const json::value* value = find_path(line, {name});
  const auto number = value == nullptr ? std::nullopt : as_integer(*value);
  if (!number || *number < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

// False for a line that is none of ours.
bool replay_line(const json::value& line, Store& store) {
  const auto revision = number_at(line, "revision");
  if (!revision) return false;
  if (const auto compacted = number_at(line, "compacted")) {
    store.replay_position(*revision, *compacted);
    return true;
  }
  const std::string_view bucket = text_at(line, {"bucket"});
  const std::string_view name = text_at(line, {"name"});
  if (bucket.empty() || name.empty()) return false;
  const json::value* object = find_path(line, {"object"});
  const json::value* metadata = find_path(line, {"object", "metadata"});
  if (object != nullptr && (metadata == nullptr || !metadata->is_object())) return false;
  store.replay(*revision, bucket, text_at(line, {"namespace"}), name,
               object == nullptr ? std::nullopt : std::optional<json::value>(*object));
  return true;
}

}  // namespace

base::Result<std::unique_ptr<Journal>> Journal::open(const std::string& path, Store& store) {
  std::unique_ptr<Journal> journal(new Journal(path, store));
  auto done = journal->read();
  if (!done) return base::fail(std::move(done.error()), "state file");
  return journal;
}

base::Result<> Journal::read() {
  auto content = base::read_file(path_, kMaxFileBytes);
  if (!content && content.error().kind != base::ErrorKind::not_found)
    return std::unexpected(std::move(content.error()));
  const std::string text = content ? std::move(*content) : std::string();
  std::string_view rest = text;
  for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    ++lines_;
    std::string problem;
    const auto line = parse_json(rest.substr(0, end), problem);
    if (!line || !replay_line(*line, store_)) {
      return base::fail(base::ErrorKind::invalid,
                        fmt::format("{}: line {} is not a change of an API server: move the file away", path_, lines_));
    }
    rest.remove_prefix(end + 1);
  }
  if (has_surplus()) return rewrite();
  if (rest.empty() && content) return open_for_append();
  if (!rest.empty()) base::log::warning("state file ends in the middle of a line, which is dropped", {{"path", path_}});
  auto written = base::write_file(path_, std::string_view(text).substr(0, text.size() - rest.size()), kMode);
  if (!written) return written;
  return open_for_append();
}

base::Result<> Journal::open_for_append() {
  file_.reset(std::fopen(path_.c_str(), "ae"));
  if (file_ != nullptr) return {};
  return base::fail(base::ErrorKind::unavailable,
                    fmt::format("cannot open {}: {}", path_, std::generic_category().message(errno)));
}

bool Journal::has_surplus() const { return lines_ > store_.size() + kSurplusLines; }

// The present objects alone, in the order of their revisions, and where history now begins.
base::Result<> Journal::rewrite() {
  std::map<std::uint64_t, std::string> by_revision;
  for (const std::string& bucket : store_.buckets()) {
    for (const auto& [key, object] : store_.objects(bucket)) {
      by_revision[object->revision()] = line_of(object->revision(), bucket, *object, true);
    }
  }
  std::string content;
  for (const auto& [revision, line] : by_revision) content += line;
  content += position_line(store_.revision(), store_.revision());
  auto written = base::write_file(path_, content, kMode);
  if (!written) return written;
  lines_ = by_revision.size() + 1;
  return open_for_append();
}

void Journal::append(const Change& change) {
  if (file_ == nullptr) return;
  const StoredObject& object = change.after ? *change.after : *change.before;
  const std::string line = line_of(change.revision, change.bucket, object, change.after != nullptr);
  ++lines_;
  base::Result<> done;
  if (std::fwrite(line.data(), 1, line.size(), file_.get()) != line.size() || std::fflush(file_.get()) != 0) {
    done = base::fail(base::ErrorKind::unavailable,
                      fmt::format("cannot write {}: {}", path_, std::generic_category().message(errno)));
  } else if (has_surplus()) {
    done = rewrite();
  }
  if (done) return;
  // The objects are still right in memory; a restart would find an older state, so say it and write no more.
  base::log::error("state file is no longer written", {{"error", done.error()}});
  file_.reset();
}

}  // namespace podid::lab::apiserver
