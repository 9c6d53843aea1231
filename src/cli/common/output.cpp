// SPDX-License-Identifier: Apache-2.0
#include "cli/common/output.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <numeric>

#include "base/text.hpp"

namespace podid::cli {
namespace {

namespace json = boost::json;

const std::map<std::string, OutputForm> kForms = {{"table", OutputForm::table},
                                                  {"wide", OutputForm::wide},
                                                  {"json", OutputForm::json},
                                                  {"yaml", OutputForm::yaml},
                                                  {"name", OutputForm::name}};

void emit(YAML::Emitter& out, const json::value& value) {
  switch (value.kind()) {
    case json::kind::object:
      out << (value.get_object().empty() ? YAML::Flow : YAML::Block) << YAML::BeginMap;
      for (const auto& [name, member] : value.get_object()) {
        out << YAML::Key << std::string(name) << YAML::Value;
        emit(out, member);
      }
      out << YAML::EndMap;
      break;
    case json::kind::array:
      out << (value.get_array().empty() ? YAML::Flow : YAML::Block) << YAML::BeginSeq;
      for (const json::value& element : value.get_array()) emit(out, element);
      out << YAML::EndSeq;
      break;
    case json::kind::string:
      out << YAML::DoubleQuoted << std::string(value.get_string());
      break;
    case json::kind::null:
      out << YAML::Null;
      break;
    default:
      out << json::serialize(value);
  }
}

// Levenshtein's.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

// The character at the start of the text: its bytes, 0 where it is none, and its code.
struct Character {
  std::size_t size = 0;
  char32_t code = 0;
};

Character first_of(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {1, lead};
  const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < size) return {};
  char32_t code = lead & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3FU);
  }
  return {size, code};
}

// Controls, ends of lines and paragraphs, marks of direction and what has no width.
bool is_shown_as_itself(char32_t code) {
  return code >= 0x20 && (code < 0x7F || code > 0x9F) && code != 0x061C && (code < 0x200B || code > 0x200F) &&
         (code < 0x2028 || code > 0x202E) && (code < 0x2060 || code > 0x206F) && code != 0xFEFF;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const Character next = first_of(text);
    if (next.size == 0) {
      shown += "\uFFFD";
    } else if (is_shown_as_itself(next.code)) {
      shown += text.substr(0, next.size);
    } else {
      shown += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(next.code));
    }
    text.remove_prefix(std::max<std::size_t>(next.size, 1));
  }
  return shown;
}

void add_output_option(CLI::App& verb, OutputForm& form) {
  verb.add_option("-o,--output", form, "table, wide, json, yaml or name")
      ->transform(CLI::CheckedTransformer(kForms).description("FORM"))
      ->default_str("table");
}

std::string Table::text() const {
  std::vector<std::vector<std::string>> rows = rows_;
  for (auto& row : rows) {
    for (std::string& cell : row) cell = printable(cell);
  }
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max({widths[i], row[i].size(), std::size_t{1}});
  }
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string_view cell = row[i].empty() ? std::string_view("-") : std::string_view(row[i]);
      text += i + 1 == row.size() ? std::string(cell) : fmt::format("{:<{}}   ", cell, widths[i]);
    }
    text += "\n";
  }
  return text;
}

std::string to_yaml(const json::value& value) {
  YAML::Emitter out;
  emit(out, value);
  return std::string(out.c_str()) + "\n";
}

std::string written_as(OutputForm form, const json::value& value) {
  return form == OutputForm::yaml ? to_yaml(value) : json::serialize(value) + "\n";
}

std::string brief(base::Duration duration) {
  using std::chrono::days;
  using std::chrono::hours;
  using std::chrono::minutes;
  using std::chrono::seconds;
  const auto whole = std::max(std::chrono::floor<seconds>(duration), seconds(0));
  const auto d = std::chrono::floor<days>(whole);
  const auto h = std::chrono::floor<hours>(whole - d);
  const auto m = std::chrono::floor<minutes>(whole - d - h);
  const auto s = whole - d - h - m;
  if (d.count() > 0) return h.count() > 0 ? fmt::format("{}d{}h", d.count(), h.count()) : fmt::format("{}d", d.count());
  if (h.count() > 0) return m.count() > 0 ? fmt::format("{}h{}m", h.count(), m.count()) : fmt::format("{}h", h.count());
  if (m.count() > 0) return s.count() > 0 ? fmt::format("{}m{}s", m.count(), s.count()) : fmt::format("{}m", m.count());
  return fmt::format("{}s", s.count());
}

std::string relative_to(base::WallTime now, base::WallTime time) {
  return time > now ? "in " + brief(time - now) : brief(now - time) + " ago";
}

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known) {
  std::optional<std::string> best;
  std::size_t least = std::min<std::size_t>(3, (word.size() + 1) / 2);  // what is not near enough
  for (const std::string& each : known) {
    const std::size_t away = distance(word, each);
    if (away < least) {
      least = away;
      best = each;
    }
  }
  return best;
}

}  // namespace podid::cli
