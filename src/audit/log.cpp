// SPDX-License-Identifier: Apache-2.0
#include "audit/log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "audit/files.hpp"
#include "audit/line_reader.hpp"
#include "audit/tiles.hpp"
#include "base/file.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "base/time_text.hpp"

namespace podid::audit {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;
// Tiles that could not be written: some 40 MB of lines; beyond, lines are not taken either.
constexpr std::size_t kMaxWaiting = 512;
// After this time what was written is on the disk though nobody asked for it (Linux: dirty_expire_centisecs, 30 s, and
// some).
constexpr std::chrono::minutes kWrittenBack(2);

std::unexpected<base::Error> contradiction(std::string what) {
  return base::fail(base::ErrorKind::conflict, std::move(what));
}

// A disk that fails, or rights that are missing, prove nothing about the log.
bool is_contradiction(const base::Error& error) {
  return error.kind == base::ErrorKind::conflict || error.kind == base::ErrorKind::invalid ||
         error.kind == base::ErrorKind::not_found;
}

// Of a key's name, and of a path in a note.
std::string origin_part(std::string_view text) {
  std::string part(text.empty() ? "unnamed" : text);
  for (char& c : part) {
    if (c <= 0x20 || c >= 0x7F || c == '+' || c == '/') c = '_';
  }
  return part;
}

std::string file_time(base::WallTime time) {
  std::string text = base::format_rfc3339_micro(time).substr(0, 23);
  std::ranges::replace(text, ':', '-');
  return text;
}

std::optional<base::WallTime> time_of_backup(const std::string& path, const std::string& log) {
  const std::string extension = fs::path(log).extension().string();
  std::string text = path.substr(path.size() - extension.size() - 23, 23) + "Z";
  text[13] = text[16] = ':';
  return base::parse_rfc3339(text);
}

// Of this boot.
constexpr std::string_view kUnknownBoot = "-";  // it cannot be read (a sandbox)
std::string boot_id() {
  auto read = base::read_file("/proc/sys/kernel/random/boot_id", 128);
  return std::string(read ? base::trim(*read) : kUnknownBoot);
}

// The file `synced`: lines that are on the disk, tiles of how many leaves surely are, and the boot that wrote it.
struct Mark {
  std::uint64_t lines = 0;
  std::uint64_t tiles = 0;
  std::string boot;
};
Mark parse_mark(std::string_view text) {
  const auto parts = base::split(base::trim(text), ' ');
  if (parts.size() != 3) return {};
  return {.lines = base::parse_number<std::uint64_t>(parts[0]).value_or(0),
          .tiles = base::parse_number<std::uint64_t>(parts[1]).value_or(0),
          .boot = std::string(parts[2])};
}

// Where lines of a log are to be found: its files, oldest first.
std::vector<std::string> files_of(const std::string& path) {
  std::vector<std::string> files = backups_of(path);
  if (fs::exists(path)) files.push_back(path);
  return files;
}

}  // namespace

struct Log::State {
  State(LogOptions o, const base::Clock& c) : options(std::move(o)), clock(c), tree_folder(options.path + ".tree") {}
  ~State() {
    if (fd >= 0 && !standard_output()) ::close(fd);
    if (lock >= 0) ::close(lock);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  bool standard_output() const { return options.path == "-"; }
  std::uint64_t limit() const { return options.max_size_mib * kMebibyte; }

  base::Result<> open_files();
  base::Result<> begin();
  base::Result<> load();
  base::Result<> set_aside(std::string_view why);
  base::Result<> open_current();
  base::Result<> reserve() const;
  base::Result<std::uint64_t> count_lines() const;
  base::Result<> grow(std::uint64_t from, std::uint64_t size);
  base::Result<> feed(std::uint64_t from, std::uint64_t to);
  base::Result<> check_note(const std::string& name, bool ours, std::optional<std::uint64_t>& noted);
  base::Result<> write_lines(const std::vector<Line>& lines);
  base::Result<> write_own(const std::string& body);
  base::Result<> rotate(std::vector<DeletedFile>& deleted);
  base::Result<> retain(std::vector<DeletedFile>& deleted);
  base::Result<> sync();

  LogOptions options;
  const base::Clock& clock;
  std::string tree_folder;
  std::string boot = boot_id();
  int fd = -1;
  int lock = -1;
  std::uint64_t bytes = 0;  // of the current file
  std::uint64_t first = 0;  // index of its first line
  std::uint64_t stdout_lines = 0;
  std::string origin;
  std::string reason;
  std::optional<SigningKey> key;
  std::optional<TileStore> tree;
  std::optional<std::uint64_t> cosigned;
  bool unsynced = false;
  // Leaves whose tiles were written kWrittenBack ago, and those that will have been, counted from pending_since.
  std::uint64_t safe_tiles = 0;
  std::uint64_t pending_tiles = 0;
  base::SteadyTime pending_since{};
  std::vector<DeletedFile> deleted_at_open;
};

base::Result<> Log::State::open_files() {
  std::error_code error;
  const fs::path folder = fs::path(options.path).parent_path();
  if (!folder.empty()) fs::create_directories(folder, error);
  const std::string lock_path = options.path + ".lock";
  lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return fail_on_file("cannot open " + lock_path);
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    return base::fail(base::ErrorKind::unavailable, options.path + " is another process's log as yet");
  }
  const bool has_tree = fs::exists(tree_folder);
  if (!has_tree && files_of(options.path).empty()) {
    reason = "new";
    return begin();
  }
  auto loaded = has_tree ? load() : contradiction("there was a log without its tree");
  if (loaded) return retain(deleted_at_open);
  if (!is_contradiction(loaded.error())) return loaded;
  auto aside = set_aside(loaded.error().message);
  if (!aside) return aside;
  return begin();
}

base::Result<> Log::State::begin() {
  base::SystemRandom random;
  std::string id(8, '\0');
  for (std::uint64_t number = random.next(); char& c : id) {
    c = static_cast<char>(number & 0xFFU);
    number >>= 8U;
  }
  origin = origin_part(options.cluster) + "/" + origin_part(options.node) + "/" + base::hex(id);
  auto made = SigningKey::generate(origin);
  if (!made) return std::unexpected(std::move(made.error()));
  key = std::move(*made);
  std::error_code error;
  fs::create_directories(tree_folder, error);
  fs::permissions(tree_folder, fs::perms::owner_all, error);
  if (error) return base::fail(base::ErrorKind::denied, "cannot make " + tree_folder + ": " + error.message());
  auto written = base::write_file(tree_folder + "/key", std::string(key->text().reveal()) + "\n", 0600);
  if (written) written = base::write_file(tree_folder + "/origin", origin + "\n", 0600);
  if (!written) return written;
  for (const std::string& path :
       {tree_folder + "/key", tree_folder + "/origin", tree_folder, folder_of(options.path)}) {
    sync_path(path);
  }
  auto opened = TileStore::open(tree_folder, 0);
  if (!opened) return std::unexpected(std::move(opened.error()));
  tree = std::move(*opened);
  return open_current();
}

base::Result<> Log::State::load() {
  auto stored = base::read_file(tree_folder + "/origin", 4096);
  if (!stored) return std::unexpected(std::move(stored.error()));
  auto text = base::read_file(tree_folder + "/key", 4096);
  if (!text) return std::unexpected(std::move(text.error()));
  auto parsed = SigningKey::parse(base::Secret(std::move(*text)));
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  key = std::move(*parsed);
  origin = base::trim(*stored);
  if (key->name() != origin) return contradiction("its key is not its origin's");
  if (!origin.starts_with(origin_part(options.cluster) + "/" + origin_part(options.node) + "/")) {
    return contradiction("it is another node's or cluster's: " + origin);
  }
  auto opened = open_current();
  if (!opened) return opened;
  auto size = count_lines();
  if (!size) return std::unexpected(std::move(size.error()));

  auto read = base::read_file(tree_folder + "/synced", 256);
  if (!read && read.error().kind != base::ErrorKind::not_found) return std::unexpected(std::move(read.error()));
  const Mark mark = read ? parse_mark(*read) : Mark{};
  if (*size < mark.lines) {
    return contradiction("it has " + std::to_string(*size) + " records, " + std::to_string(mark.lines) +
                         " were on the disk");
  }
  // A process that was killed leaves the tiles that it wrote; a power cut may leave less, and what was not synced is
  // made again.
  const bool same_boot = mark.boot != kUnknownBoot && mark.boot == boot;
  auto grown = grow(same_boot ? mark.lines : mark.tiles, *size);
  if (grown || !is_contradiction(grown.error())) return grown;
  // Of all lines that are there.
  const std::vector<std::string> files = files_of(options.path);
  auto oldest = files.empty() ? base::Result<std::optional<std::uint64_t>>() : first_index(files.front());
  if (!oldest) return std::unexpected(std::move(oldest.error()));
  return grow((oldest->value_or(0) + kTileWidth - 1) / kTileWidth * kTileWidth, *size);
}

// The tree of `size` lines, of which the tiles of the first `from` are taken as they are.
base::Result<> Log::State::grow(std::uint64_t from, std::uint64_t size) {
  auto store = TileStore::open(tree_folder, std::min(from, size) / kTileWidth * kTileWidth);
  if (!store) return std::unexpected(std::move(store.error()));
  tree = std::move(*store);
  safe_tiles = pending_tiles = tree->size();
  auto fed = feed(tree->size(), size);
  if (!fed) return fed;
  if (bytes == 0) first = size;
  std::optional<std::uint64_t> noted;
  auto checked = check_note("checkpoint", true, noted);
  if (!checked) return checked;
  return check_note("cosigned", false, cosigned);
}

// Everything that bears the log's name goes to a folder of its own, where nobody but a person looks at it.
base::Result<> Log::State::set_aside(std::string_view why) {
  if (fd >= 0) ::close(std::exchange(fd, -1));
  tree.reset();
  cosigned.reset();
  const std::string folder = options.path + ".replaced-" + file_time(clock.wall_now());
  std::error_code error;
  fs::create_directory(folder, error);
  for (const std::string& file : files_of(options.path)) {
    if (!error) fs::rename(file, fs::path(folder) / fs::path(file).filename(), error);
  }
  if (!error && fs::exists(tree_folder)) {
    fs::rename(tree_folder, fs::path(folder) / fs::path(tree_folder).filename(), error);
  }
  if (error)
    return base::fail(base::ErrorKind::denied, "cannot set the old log aside in " + folder + ": " + error.message());
  reason = "replaced: " + std::string(why);
  return {};
}

base::Result<> Log::State::open_current() {
  fd = ::open(options.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return fail_on_file("cannot open " + options.path);
  auto whole = whole_lines(fd, options.path);
  if (!whole) return std::unexpected(std::move(whole.error()));
  bytes = *whole;
  if (::ftruncate(fd, static_cast<off_t>(bytes)) != 0) return fail_on_file("cannot cut " + options.path);
  auto from = first_index(options.path);
  if (!from) return std::unexpected(std::move(from.error()));
  if (bytes > 0 && !*from) return contradiction("its lines have no index");
  first = from->value_or(0);
  return reserve();
}

base::Result<> Log::State::reserve() const {
  if (::fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(limit())) == 0) return {};
  if (errno != ENOSPC && errno != EDQUOT) return {};  // a file system that cannot
  return fail_on_file("no room for a file of --audit-log-maxsize, " + options.path);
}

base::Result<std::uint64_t> Log::State::count_lines() const {
  const std::vector<std::string> files = files_of(options.path);
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    auto last = last_lines(*file, 1);
    if (!last) return std::unexpected(std::move(last.error()));
    if (last->empty()) continue;
    const auto index = index_of(last->front());
    if (!index) return contradiction(*file + ": its last line has no index");
    return *index + 1;
  }
  return std::uint64_t{0};
}

base::Result<> Log::State::feed(std::uint64_t from, std::uint64_t to) {
  std::uint64_t next = from;
  const std::vector<std::string> files = files_of(options.path);
  // From the last file that begins at or before `from`.
  std::size_t start = files.size();
  while (start > 0) {
    auto begins = first_index(files[--start]);
    if (!begins) return std::unexpected(std::move(begins.error()));
    if (*begins && **begins <= from) break;
  }
  for (; start < files.size() && next < to; ++start) {
    auto reader = LineReader::open(files[start]);
    if (!reader) return std::unexpected(std::move(reader.error()));
    while (next < to) {
      auto line = reader->next();
      if (!line) return std::unexpected(std::move(line.error()));
      if (!*line) break;
      const auto index = index_of(**line);
      if (!index || *index > next)
        return contradiction(files[start] + ": record " + std::to_string(next) + " is missing");
      if (*index < next) continue;
      tree->append(**line);
      ++next;
      if (tree->waiting() > kMaxWaiting) {
        auto flushed = tree->flush();
        if (!flushed) return flushed;
      }
    }
  }
  if (next != to) return contradiction("record " + std::to_string(next) + " is missing");
  unsynced = from != to;
  return tree->flush();
}

base::Result<> Log::State::check_note(const std::string& name, bool ours, std::optional<std::uint64_t>& noted) {
  auto bytes_read = base::read_file(tree_folder + "/" + name, kMaxNote);
  if (!bytes_read && bytes_read.error().kind == base::ErrorKind::not_found) return {};
  if (!bytes_read) return std::unexpected(std::move(bytes_read.error()));
  auto note = parse_note(*bytes_read);
  if (!note) return contradiction("its " + name + " is no signed note");
  auto checkpoint = parse_checkpoint(note->text);
  if (!checkpoint || checkpoint->origin != origin) return contradiction("its " + name + " is not its own");
  const VerifierKey verifier = key->verifier();
  if (ours && !verify_note(*note, {&verifier, 1})) return contradiction("its " + name + " is not signed by its key");
  if (checkpoint->size > tree->size()) {
    return contradiction("it has " + std::to_string(tree->size()) + " records, its " + name + " says " +
                         std::to_string(checkpoint->size));
  }
  auto at =
      audit::root(checkpoint->size, [this](unsigned level, std::uint64_t index) { return tree->read(level, index); });
  if (!at) return std::unexpected(std::move(at.error()));
  if (*at != checkpoint->root) return contradiction("its records are not those of its " + name);
  noted = checkpoint->size;
  return {};
}

base::Result<> Log::State::write_lines(const std::vector<Line>& lines) {
  std::string text;
  std::vector<std::size_t> ends;
  std::uint64_t index = tree ? tree->size() : 0;
  for (const Line& line : lines) {
    append_line(text, tree ? std::optional(index++) : std::nullopt, line.body, line.count, line.last);
    ends.push_back(text.size());
    text += '\n';
  }
  if (!tree) {
    auto written = write_all(fd, text, std::nullopt, "standard output");
    if (written) stdout_lines += lines.size();
    return written;
  }
  auto written = write_all(fd, text, bytes, options.path);
  if (!written) {
    // No half lines for who reads meanwhile. What cannot be cut off is written over by the next try.
    if (::ftruncate(fd, static_cast<off_t>(bytes)) == 0) static_cast<void>(reserve());
    return written;
  }
  bytes += text.size();
  unsynced = true;
  std::size_t start = 0;
  for (const std::size_t end : ends) {
    tree->append(std::string_view(text).substr(start, end - start));
    start = end + 1;
  }
  // The lines are there; tiles that are not yet can be made from them. sync() says so.
  static_cast<void>(tree->flush());
  return {};
}

base::Result<> Log::State::write_own(const std::string& body) {
  return write_lines({{.body = body, .count = 1, .last = {}}});
}

base::Result<> Log::State::rotate(std::vector<DeletedFile>& deleted) {
  auto synced = sync();
  if (!synced) return synced;
  base::WallTime now = clock.wall_now();
  std::string backup = backup_name(options.path, file_time(now));
  // Names say the order.
  const std::vector<std::string> backups = backups_of(options.path);
  while (fs::exists(backup) || (!backups.empty() && backup <= backups.back())) {
    const auto last = backups.empty() ? std::nullopt : time_of_backup(backups.back(), options.path);
    now = std::max(now, last.value_or(now)) + std::chrono::milliseconds(1);
    backup = backup_name(options.path, file_time(now));
  }
  const int fresh = ::open((options.path + ".next").c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fresh < 0) return fail_on_file("cannot create " + options.path + ".next");
  if (std::rename(options.path.c_str(), backup.c_str()) != 0) {
    auto failure = fail_on_file("cannot rename " + options.path);
    ::close(fresh);
    return failure;
  }
  if (std::rename((options.path + ".next").c_str(), options.path.c_str()) != 0) {
    auto failure = fail_on_file("cannot rename " + options.path + ".next");
    ::close(fresh);
    static_cast<void>(std::rename(backup.c_str(), options.path.c_str()));
    return failure;
  }
  ::close(std::exchange(fd, fresh));
  bytes = 0;
  first = tree->size();
  sync_path(folder_of(options.path));
  // Without room reserved writing still works as long as there is some.
  static_cast<void>(reserve());
  auto said = write_own(rotated_body(clock.wall_now(), fs::path(backup).filename().string()));
  if (!said) return said;
  return retain(deleted);
}

base::Result<> Log::State::retain(std::vector<DeletedFile>& deleted) {
  std::vector<std::string> backups = backups_of(options.path);
  const base::WallTime now = clock.wall_now();
  while (!backups.empty()) {
    const std::string oldest = backups.front();
    auto begin_index = first_index(oldest);
    if (!begin_index) return std::unexpected(std::move(begin_index.error()));
    auto next_index = backups.size() > 1 ? first_index(backups[1]) : base::Result<std::optional<std::uint64_t>>(first);
    if (!next_index) return std::unexpected(std::move(next_index.error()));
    DeletedFile file{.file = fs::path(oldest).filename().string(),
                     .first_index = begin_index->value_or(0),
                     .end_index = next_index->value_or(0),
                     .cosigned = false};
    file.cosigned = cosigned && file.end_index <= *cosigned;
    const auto made = time_of_backup(oldest, options.path);
    const bool too_many = options.max_backups > 0 && backups.size() > options.max_backups;
    const bool too_old =
        options.max_age_days > 0 && made && now - *made > std::chrono::hours(24) * options.max_age_days;
    // Age alone does not delete what a witness has yet to sign; the number of files bounds the disk, and does.
    if (!too_many && !(too_old && (file.cosigned || !cosigned))) break;
    // Said first: what is said and not done is done by the next rotation, and said again.
    auto said = write_own(deleted_body(now, file.file, file.first_index, file.end_index, file.cosigned));
    if (!said) return said;
    if (::unlink(oldest.c_str()) != 0) return fail_on_file("cannot delete " + oldest);
    tree->remove_entries(file.first_index, file.end_index);
    deleted.push_back(std::move(file));
    backups.erase(backups.begin());
  }
  return {};
}

base::Result<> Log::State::sync() {
  if (!unsynced || !tree) return {};
  if (::fdatasync(fd) != 0) return fail_on_file("cannot sync " + options.path);
  auto tiles = tree->flush();
  if (!tiles) return tiles;
  const base::SteadyTime now = clock.steady_now();
  if (now - pending_since >= kWrittenBack) {
    safe_tiles = std::exchange(pending_tiles, tree->size());
    pending_since = now;
  }
  auto marked =
      base::write_file(tree_folder + "/synced", fmt::format("{} {} {}\n", tree->size(), safe_tiles, boot), 0600);
  if (marked) unsynced = false;
  return marked;
}

Log::Log(std::unique_ptr<State> state) : state_(std::move(state)) {}
Log::~Log() = default;

base::Result<std::unique_ptr<Log>> Log::open(LogOptions options, const base::Clock& clock) {
  if (options.path.empty() || options.max_size_mib == 0) {
    return base::fail(base::ErrorKind::invalid, "an audit log needs a path and a size of at least 1 MiB");
  }
  auto state = std::make_unique<State>(std::move(options), clock);
  if (state->standard_output()) {
    state->fd = STDOUT_FILENO;
  } else {
    auto opened = state->open_files();
    if (!opened) return std::unexpected(std::move(opened.error()).with_context("audit log"));
  }
  return std::unique_ptr<Log>(new Log(std::move(state)));
}

base::Result<> Log::append(const std::vector<Line>& lines, std::vector<DeletedFile>& deleted) {
  State& s = *state_;
  if (s.tree) {
    std::ranges::move(s.deleted_at_open, std::back_inserter(deleted));
    s.deleted_at_open.clear();
    if (s.tree->waiting() > kMaxWaiting) {
      auto flushed = s.tree->flush();
      if (!flushed) return flushed;
    }
    std::uint64_t more = 0;
    for (const Line& line : lines) more += line.body.size() + 64;
    if (s.bytes > 0 && s.bytes + more > s.limit()) {
      auto rotated = s.rotate(deleted);
      if (!rotated) return rotated;
    }
  }
  return s.write_lines(lines);
}

base::Result<> Log::sync() { return state_->sync(); }

base::Result<std::string> Log::checkpoint() {
  State& s = *state_;
  if (!s.tree) return base::fail(base::ErrorKind::unsupported, "a log on standard output has no tree");
  auto partial = s.tree->write_partial();
  if (!partial) return std::unexpected(std::move(partial.error()));
  s.unsynced = true;
  auto synced = s.sync();
  if (!synced) return std::unexpected(std::move(synced.error()));
  const std::string text = checkpoint_text({.origin = s.origin, .size = s.tree->size(), .root = s.tree->root()});
  auto signature = s.key->sign(text);
  if (!signature) return signature;
  std::string note = text + "\n" + *signature;
  auto written = base::write_file(s.tree_folder + "/checkpoint", note, 0600);
  if (!written) return std::unexpected(std::move(written.error()));
  return note;
}

base::Result<std::vector<Hash>> Log::consistency(std::uint64_t from, std::uint64_t to) const {
  const State& s = *state_;
  if (!s.tree || to > s.tree->size()) return base::fail(base::ErrorKind::invalid, "the log is not that long");
  return consistency_proof(from, to, [&s](unsigned level, std::uint64_t index) { return s.tree->read(level, index); });
}

base::Result<> Log::set_cosigned(std::string_view bytes) {
  State& s = *state_;
  auto note = parse_note(bytes);
  if (!note) return std::unexpected(std::move(note.error()));
  auto checkpoint = parse_checkpoint(note->text);
  if (!checkpoint) return std::unexpected(std::move(checkpoint.error()));
  if (!s.tree || checkpoint->origin != s.origin || checkpoint->size > s.tree->size()) {
    return base::fail(base::ErrorKind::invalid, "the cosigned checkpoint is not this log's");
  }
  auto at =
      audit::root(checkpoint->size, [&s](unsigned level, std::uint64_t index) { return s.tree->read(level, index); });
  if (!at) return std::unexpected(std::move(at.error()));
  if (*at != checkpoint->root)
    return base::fail(base::ErrorKind::conflict, "the cosigned checkpoint is of another history");
  if (s.cosigned && checkpoint->size < *s.cosigned) return {};
  auto written = base::write_file(s.tree_folder + "/cosigned", bytes, 0600);
  if (written) s.cosigned = checkpoint->size;
  return written;
}

std::uint64_t Log::size() const { return state_->tree ? state_->tree->size() : state_->stdout_lines; }
Hash Log::root() const { return state_->tree ? state_->tree->root() : empty_root(); }
std::string Log::origin() const { return state_->origin; }
std::string Log::key_text() const { return state_->key ? state_->key->verifier().text() : ""; }
std::string Log::start_reason() const { return state_->reason; }

base::Result<std::vector<std::string>> Log::tail(std::size_t lines) const {
  std::vector<std::string> found;
  if (!state_->tree) return found;
  const std::vector<std::string> files = files_of(state_->options.path);
  for (auto file = files.rbegin(); file != files.rend() && found.size() < lines; ++file) {
    auto more = last_lines(*file, lines - found.size());
    if (!more) return more;
    std::ranges::move(*more, std::back_inserter(found));
  }
  return found;
}

}  // namespace podid::audit
