// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/store/label_selector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "lab/apiserver/schema/metadata.hpp"
#include "lab/apiserver/wire/json_tools.hpp"

namespace podid::lab::apiserver {
namespace {

using Operator = LabelRequirement::Operator;

// Words and marks of the grammar.
struct Token {
  enum class Kind { end, word, mark };
  Kind kind = Kind::end;
  std::string text = {};
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : rest_(text) {}

  const Token& peek() {
    if (!ahead_) ahead_ = read();
    return *ahead_;
  }
  Token take() {
    Token token = peek();
    ahead_.reset();
    return token;
  }

 private:
  static bool is_mark(char c) { return std::string_view("=!(),<>").find(c) != std::string_view::npos; }

  Token read() {
    rest_ = rest_.substr(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size()));
    if (rest_.empty()) return {};
    if (is_mark(rest_.front())) {
      const std::size_t length = rest_.starts_with("==") || rest_.starts_with("!=") ? 2 : 1;
      return take_front(length, Token::Kind::mark);
    }
    std::size_t length = 0;
    while (length < rest_.size() && !is_mark(rest_[length]) && rest_[length] != ' ' && rest_[length] != '\t') ++length;
    return take_front(length, Token::Kind::word);
  }
  Token take_front(std::size_t length, Token::Kind kind) {
    Token token{.kind = kind, .text = std::string(rest_.substr(0, length))};
    rest_.remove_prefix(length);
    return token;
  }

  std::string_view rest_;
  std::optional<Token> ahead_;
};

class Parser {
 public:
  explicit Parser(std::string_view text) : lexer_(text) {}

  std::expected<std::vector<LabelRequirement>, std::string> parse() {
    std::vector<LabelRequirement> out;
    if (lexer_.peek().kind == Token::Kind::end) return out;
    while (true) {
      auto requirement = parse_requirement();
      if (!requirement) {
        return std::unexpected(fmt::format("unable to parse requirement: {}", requirement.error()));
      }
      out.push_back(std::move(*requirement));
      const Token next = lexer_.take();
      if (next.kind == Token::Kind::end) return out;
      if (next.text != ",")
        return std::unexpected(fmt::format("found '{}', expected: ',' or 'end of string'", next.text));
    }
  }

 private:
  using Parsed = std::expected<LabelRequirement, std::string>;

  Parsed parse_requirement() {
    LabelRequirement out;
    if (is_mark("!")) {
      lexer_.take();
      out.op = Operator::not_exists;
    }
    const Token key = lexer_.take();
    if (key.kind != Token::Kind::word) {
      return std::unexpected(
          fmt::format("found '{}', expected: {}", key.text,
                      out.op == Operator::not_exists ? "identifier" : "!, identifier, or 'end of string'"));
    }
    if (const auto problem = qualified_name_problem(key.text)) {
      return std::unexpected(fmt::format("<nil>: Invalid value: {}: {}", base::go_quote(key.text), *problem));
    }
    out.key = key.text;
    if (out.op == Operator::not_exists) return out;
    const Token& next = lexer_.peek();
    if (next.kind == Token::Kind::end || next.text == ",") return out;
    const Token op = lexer_.take();
    if (op.text == "in" || op.text == "notin") {
      out.op = op.text == "in" ? Operator::in : Operator::not_in;
      return parse_set(std::move(out));
    }
    if (op.text == "=" || op.text == "==") {
      out.op = Operator::in;
    } else if (op.text == "!=") {
      out.op = Operator::not_in;
    } else if (op.text == ">" || op.text == "<") {
      out.op = op.text == ">" ? Operator::greater : Operator::less;
    } else {
      return std::unexpected(fmt::format("found '{}', expected: in, notin, =, ==, !=, gt, lt", op.text));
    }
    return parse_value(std::move(out));
  }

  Parsed parse_value(LabelRequirement out) {
    std::string value;
    if (lexer_.peek().kind == Token::Kind::word) value = lexer_.take().text;
    const bool ordered = out.op == Operator::greater || out.op == Operator::less;
    if (ordered && !base::parse_number<std::int64_t>(value)) {
      return std::unexpected(
          fmt::format("values[0][{}]: Invalid value: {}: for 'Gt', 'Lt' operators, the value must be an integer",
                      out.key, base::go_quote(value)));
    }
    return add_value(std::move(out), std::move(value));
  }

  Parsed parse_set(LabelRequirement out) {
    if (!is_mark("(")) return std::unexpected(fmt::format("found '{}' expected: '('", lexer_.peek().text));
    lexer_.take();
    while (true) {
      std::string value;
      if (lexer_.peek().kind == Token::Kind::word) value = lexer_.take().text;
      auto added = add_value(std::move(out), std::move(value));
      if (!added) return added;
      out = std::move(*added);
      const Token next = lexer_.take();
      if (next.text == ")") return out;
      if (next.text != ",") return std::unexpected(fmt::format("found '{}', expected: ',' or ')'", next.text));
    }
  }

  static Parsed add_value(LabelRequirement out, std::string value) {
    if (const auto problem = label_value_problem(value)) {
      return std::unexpected(fmt::format("values[{}][{}]: Invalid value: {}: {}", out.values.size(), out.key,
                                         base::go_quote(value), *problem));
    }
    out.values.push_back(std::move(value));
    return out;
  }

  bool is_mark(std::string_view text) { return lexer_.peek().kind == Token::Kind::mark && lexer_.peek().text == text; }

  Lexer lexer_;
};

bool satisfied(const LabelRequirement& requirement, const std::string_view* value) {
  switch (requirement.op) {
    case Operator::exists:
      return value != nullptr;
    case Operator::not_exists:
      return value == nullptr;
    case Operator::in:
      return value != nullptr && std::ranges::find(requirement.values, *value) != requirement.values.end();
    case Operator::not_in:
      return value == nullptr || std::ranges::find(requirement.values, *value) == requirement.values.end();
    case Operator::greater:
    case Operator::less: {
      if (value == nullptr) return false;
      const auto actual = base::parse_number<std::int64_t>(*value);
      const auto bound = base::parse_number<std::int64_t>(requirement.values.front());
      if (!actual || !bound) return false;
      return requirement.op == Operator::greater ? *actual > *bound : *actual < *bound;
    }
  }
  return false;
}

}  // namespace

std::expected<LabelSelector, std::string> LabelSelector::parse(std::string_view text) {
  auto requirements = Parser(text).parse();
  if (!requirements) return std::unexpected(std::move(requirements.error()));
  LabelSelector out;
  out.requirements_ = std::move(*requirements);
  return out;
}

bool LabelSelector::matches(const json::value& object) const {
  for (const LabelRequirement& requirement : requirements_) {
    const json::value* label = find_path(object, {"metadata", "labels", requirement.key});
    if (label == nullptr || !label->is_string()) {
      if (!satisfied(requirement, nullptr)) return false;
      continue;
    }
    const std::string_view value = label->get_string();
    if (!satisfied(requirement, &value)) return false;
  }
  return true;
}

}  // namespace podid::lab::apiserver
