// SPDX-License-Identifier: Apache-2.0
// What verbs print, in kubectl's forms.
#pragma once
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 named it
class App;
}

namespace podid::cli {

enum class OutputForm { table, wide, json, yaml, name };

// -o. `form` lives as long as the app.
void add_output_option(CLI::App& verb, OutputForm& form);

// What anybody may have written (a grant's reason, a user's name), as it may be shown: on one line, and what would act on a
// terminal or turn text around written as "\u001b". So that nobody makes an approver see another grant than it is.
std::string printable(std::string_view text);

// Columns as wide as their content, three blanks apart, as kubectl prints them. An empty cell is shown as "-",
// each as printable().
class Table {
 public:
  explicit Table(std::vector<std::string> titles) : rows_{std::move(titles)} {}
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }  // as many as there are titles
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// Block style; every text that could be read as something else is quoted.
std::string to_yaml(const boost::json::value& value);
// One line of JSON, or YAML.
std::string written_as(OutputForm form, const boost::json::value& value);

// "45s", "12m", "3h5m", "2d4h": to two units, as kubectl tells an age. Negative: "0s".
std::string brief(base::Duration duration);
// "in 3h5m", "2d ago".
std::string relative_to(base::WallTime now, base::WallTime time);

// The word of `known` that is meant by a misspelt one: at most two letters off, and less than half of the word.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace podid::cli
