// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/wire/json_path.hpp"

#include "base/text.hpp"
#include "lab/apiserver/wire/json_tools.hpp"

namespace podid::lab::apiserver {
namespace {

// 'text' or "text" without its quotes.
std::optional<std::string_view> unquoted(std::string_view text) {
  if (text.size() < 2 || (text.front() != '\'' && text.front() != '"') || text.back() != text.front())
    return std::nullopt;
  return text.substr(1, text.size() - 2);
}

const json::value* member_at(const json::value& value, std::string_view dotted) {
  const json::value* at = &value;
  for (const std::string_view step : base::split(dotted, '.')) {
    at = find_path(*at, {step});
    if (at == nullptr) return nullptr;
  }
  return at;
}

}  // namespace

std::optional<JsonPath> JsonPath::parse(std::string_view text) {
  JsonPath path;
  if (text.starts_with('$')) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    if (text.front() == '[') {
      const std::size_t end = text.starts_with("[?(") ? text.find(")]") : text.find(']');
      if (end == std::string_view::npos) return std::nullopt;
      const std::size_t close = text.starts_with("[?(") ? end + 1 : end;
      auto step = parse_bracket(text.substr(1, close - 1));
      if (!step) return std::nullopt;
      path.steps_.push_back(std::move(*step));
      text.remove_prefix(close + 1);
      continue;
    }
    if (text.front() != '.') return std::nullopt;
    text.remove_prefix(1);
    if (text.empty() && path.steps_.empty()) return path;  // ".": the whole object
    Step step;
    std::size_t used = 0;
    while (used < text.size() && text[used] != '.' && text[used] != '[') {
      if (text[used] == '\\' && used + 1 < text.size()) ++used;
      step.name += text[used++];
    }
    if (step.name.empty()) return std::nullopt;
    if (step.name == "*") step.kind = Step::Kind::all;
    path.steps_.push_back(std::move(step));
    text.remove_prefix(used);
  }
  return path;
}

std::optional<JsonPath::Step> JsonPath::parse_bracket(std::string_view inside) {
  Step step;
  if (inside == "*") {
    step.kind = Step::Kind::all;
    return step;
  }
  if (const auto name = unquoted(inside)) {
    step.name = std::string(*name);
    return step;
  }
  if (inside.starts_with("?(") && inside.ends_with(')')) return parse_filter(inside.substr(2, inside.size() - 3));
  const auto index = base::parse_number<std::int64_t>(inside);
  if (!index) return std::nullopt;
  step.kind = Step::Kind::index;
  step.index = *index;
  return step;
}

std::optional<JsonPath::Step> JsonPath::parse_filter(std::string_view inside) {
  Step step;
  step.kind = Step::Kind::filter;
  std::size_t op = inside.find("==");
  if (op == std::string_view::npos) {
    op = inside.find("!=");
    step.equal = false;
  }
  if (op == std::string_view::npos) return std::nullopt;
  const std::string_view left = base::trim(inside.substr(0, op));
  const std::string_view right = base::trim(inside.substr(op + 2));
  if (!left.starts_with("@.") || left.size() == 2) return std::nullopt;
  step.name = std::string(left.substr(2));
  if (const auto text = unquoted(right)) {
    step.wanted = *text;
    return step;
  }
  std::string problem;
  auto literal = parse_json(right, problem);
  if (!literal) return std::nullopt;
  step.wanted = std::move(*literal);
  return step;
}

void JsonPath::walk(const json::value& value, const Step& step, std::vector<const json::value*>& out) {
  const json::array* list = value.if_array();
  switch (step.kind) {
    case Step::Kind::member:
      if (const json::value* found = find_path(value, {step.name})) out.push_back(found);
      break;
    case Step::Kind::index: {
      if (list == nullptr) break;
      const auto size = static_cast<std::int64_t>(list->size());
      const std::int64_t at = step.index < 0 ? size + step.index : step.index;
      if (at >= 0 && at < size) out.push_back(&(*list)[static_cast<std::size_t>(at)]);
      break;
    }
    case Step::Kind::all:
      if (list != nullptr) {
        for (const json::value& item : *list) out.push_back(&item);
      } else if (const json::object* object = value.if_object()) {
        for (const auto& member : *object) out.push_back(&member.value());
      }
      break;
    case Step::Kind::filter:
      if (list == nullptr) break;
      for (const json::value& item : *list) {
        const json::value* found = member_at(item, step.name);
        if ((found != nullptr && same_json(*found, step.wanted)) == step.equal) out.push_back(&item);
      }
      break;
  }
}

std::vector<const json::value*> JsonPath::find(const json::value& value) const {
  std::vector<const json::value*> at{&value};
  for (const Step& step : steps_) {
    std::vector<const json::value*> next;
    for (const json::value* item : at) walk(*item, step, next);
    at = std::move(next);
  }
  return at;
}

}  // namespace podid::lab::apiserver
