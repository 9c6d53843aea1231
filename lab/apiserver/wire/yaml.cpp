// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/wire/yaml.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <sstream>
#include <stdexcept>
#include <vector>

#include "base/text.hpp"
#include "lab/apiserver/wire/json_tools.hpp"
#include "lab/apiserver/wire/limits.hpp"

namespace podid::lab::apiserver {
namespace {

// A scalar without quotes and tag.
json::value plain_scalar(const std::string& text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return nullptr;
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  const std::string_view digits = text.starts_with('+') ? std::string_view(text).substr(1) : std::string_view(text);
  if (const auto number = base::parse_number<std::int64_t>(digits)) return *number;
  const bool numeric = digits.find_first_not_of("0123456789.eE+-") == std::string_view::npos;
  if (const auto number = base::parse_number<double>(digits); number && numeric) return *number;
  return json::value(text);
}

// Builds the value from the parser's events, so that depth and anchors are checked before anything is built.
class Builder final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t anchor) override { insert(nullptr, anchor); }
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override { throw std::invalid_argument("anchors are not allowed"); }
  void OnScalar(const YAML::Mark&, const std::string& tag, YAML::anchor_t anchor, const std::string& text) override {
    insert(tag == "?" || tag.empty() ? plain_scalar(text) : json::value(text), anchor, &text);
  }
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(json::array{}, anchor);
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(json::object{}, anchor);
  }
  void OnMapEnd() override { open_.pop_back(); }

  json::value root;

 private:
  struct Level {
    json::value* container;
    std::optional<std::string> key = {};
  };

  json::value* insert(json::value value, YAML::anchor_t anchor, const std::string* text = nullptr) {
    if (anchor != 0) throw std::invalid_argument("anchors are not allowed");
    if (open_.empty()) {
      root = std::move(value);
      return &root;
    }
    Level& level = open_.back();
    if (json::array* list = level.container->if_array()) {
      list->push_back(std::move(value));
      return &list->back();
    }
    if (!level.key) {
      if (text == nullptr) throw std::invalid_argument("a key must be a scalar");
      level.key = *text;
      return nullptr;
    }
    json::value& member = level.container->get_object()[*level.key];
    member = std::move(value);
    level.key.reset();
    return &member;
  }

  void open(json::value empty, YAML::anchor_t anchor) {
    if (open_.size() >= kMaxJsonDepth) throw std::invalid_argument("the document nests too deeply");
    json::value* container = insert(std::move(empty), anchor);
    if (container == nullptr) throw std::invalid_argument("a key must be a scalar");
    open_.push_back({.container = container});
  }

  // A container gains members only while it is the innermost one, so the pointers of those around it stay
  // valid.
  std::vector<Level> open_;
};

}  // namespace

std::optional<json::value> parse_yaml(std::string_view text, std::string& problem) {
  std::istringstream stream{std::string(text)};
  try {
    YAML::Parser parser(stream);
    Builder builder;
    if (!parser.HandleNextDocument(builder)) {
      problem = "the document is empty";
      return std::nullopt;
    }
    Builder rest;
    if (parser.HandleNextDocument(rest)) {
      problem = "there is more than one document";
      return std::nullopt;
    }
    return std::move(builder.root);
  } catch (const std::exception& error) {
    problem = error.what();
    return std::nullopt;
  }
}

}  // namespace podid::lab::apiserver
