// SPDX-License-Identifier: Apache-2.0
#include "base/flags/cli_flags.hpp"

#include <fmt/format.h>

#include <cmath>
#include <ostream>

#include "base/text.hpp"
#include "base/time_text.hpp"

namespace podid::base {
namespace {

// As Go's strconv.ParseBool.
std::optional<bool> parse_bool(std::string_view text) {
  for (const std::string_view yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (text == yes) return true;
  }
  for (const std::string_view no : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

template <class Integer>
std::string range_text(Integer minimum, Integer maximum) {
  const bool from = minimum != std::numeric_limits<Integer>::min();
  const bool to = maximum != std::numeric_limits<Integer>::max();
  if (from && to) return fmt::format("a whole number from {} to {}", minimum, maximum);
  if (from) return fmt::format("a whole number of at least {}", minimum);
  if (to) return fmt::format("a whole number of at most {}", maximum);
  return "a whole number";
}

template <class Integer>
auto integer_store(Integer& target, Integer minimum, Integer maximum) {
  return [&target, minimum, maximum](std::string_view text) -> std::optional<std::string> {
    const auto value = parse_number<Integer>(text);
    if (!value || *value < minimum || *value > maximum) return "must be " + range_text(minimum, maximum);
    target = *value;
    return std::nullopt;
  };
}

}  // namespace

FlagSet::FlagSet(std::string program, std::string description)
    : program_(std::move(program)), description_(std::move(description)) {}

void FlagSet::add_flag(Flag flag) { flags_.push_back(std::move(flag)); }

void FlagSet::add(std::string name, bool& target, std::string help) {
  add_flag({std::move(name), "", target ? "true" : "false", std::move(help),
            [&target](std::string_view text) -> std::optional<std::string> {
              const auto value = parse_bool(text);
              if (!value) return "must be true or false";
              target = *value;
              return std::nullopt;
            }});
}

void FlagSet::add(std::string name, std::string& target, std::string help) {
  add_flag({std::move(name), "text", target, std::move(help),
            [&target](std::string_view text) -> std::optional<std::string> {
              target = text;
              return std::nullopt;
            }});
}

void FlagSet::add(std::string name, std::int64_t& target, std::string help, std::int64_t minimum,
                  std::int64_t maximum) {
  add_flag(
      {std::move(name), "number", std::to_string(target), std::move(help), integer_store(target, minimum, maximum)});
}

void FlagSet::add(std::string name, int& target, std::string help, int minimum, int maximum) {
  add_flag(
      {std::move(name), "number", std::to_string(target), std::move(help), integer_store(target, minimum, maximum)});
}

void FlagSet::add(std::string name, double& target, std::string help, double minimum) {
  add_flag({std::move(name), "number", fmt::format("{}", target), std::move(help),
            [&target, minimum](std::string_view text) -> std::optional<std::string> {
              const auto value = parse_number<double>(text);
              if (!value || !std::isfinite(*value) || *value < minimum) {
                return fmt::format("must be a number of at least {}", minimum);
              }
              target = *value;
              return std::nullopt;
            }});
}

void FlagSet::add(std::string name, Duration& target, std::string help, Duration minimum) {
  add_flag({std::move(name), "duration", format_go_duration(target), std::move(help),
            [&target, minimum](std::string_view text) -> std::optional<std::string> {
              const auto value = parse_go_duration(text);
              if (!value || *value < minimum) {
                return fmt::format("must be a duration of at least {}, such as 300ms, 90s or 2h45m",
                                   format_go_duration(minimum));
              }
              target = *value;
              return std::nullopt;
            }});
}

void FlagSet::add(std::string name, std::vector<std::string>& target, std::string help) {
  std::string default_text;
  for (const std::string& item : target) default_text += (default_text.empty() ? "" : ",") + item;
  add_flag({std::move(name), "list", std::move(default_text), std::move(help),
            [&target, first = true](std::string_view text) mutable -> std::optional<std::string> {
              if (std::exchange(first, false)) target.clear();  // given values replace the default
              for (const std::string_view item : split(text, ',')) {
                if (const auto trimmed = trim(item); !trimmed.empty()) target.emplace_back(trimmed);
              }
              return std::nullopt;
            }});
}

void FlagSet::add_port(std::string name, std::uint16_t& target, std::string help) {
  add_flag({std::move(name), "port", std::to_string(target), std::move(help),
            [&target](std::string_view text) -> std::optional<std::string> {
              const auto value = parse_number<std::uint16_t>(text);
              if (!value || *value == 0) return "must be a whole number from 1 to 65535";
              target = *value;
              return std::nullopt;
            }});
}

void FlagSet::add_choice(std::string name, std::string& target, std::vector<std::string> allowed, std::string help) {
  help += fmt::format(" ({})", fmt::join(allowed, ", "));
  std::string default_text = target;
  add_flag({std::move(name), "text", std::move(default_text), std::move(help),
            [&target, allowed = std::move(allowed)](std::string_view text) -> std::optional<std::string> {
              for (const std::string& choice : allowed) {
                if (!iequals(choice, text)) continue;
                target = choice;
                return std::nullopt;
              }
              return fmt::format("must be one of: {}", fmt::join(allowed, ", "));
            }});
}

void FlagSet::add_ignored(std::string name, std::string help, Ignored kind) {
  add_flag({std::move(name), kind == Ignored::switch_alone ? "" : "text", "",
            std::move(help) + "; accepted, without effect",
            [](std::string_view) -> std::optional<std::string> { return std::nullopt; }});
}

void FlagSet::add_custom(std::string name, std::string default_text, std::string help,
                         std::function<std::optional<std::string>(std::string_view)> parse) {
  add_flag({std::move(name), "text", std::move(default_text), std::move(help), std::move(parse)});
}

const FlagSet::Flag* FlagSet::find(std::string_view name) const {
  for (const Flag& flag : flags_) {
    if (flag.name == name) return &flag;
  }
  return nullptr;
}

std::optional<int> FlagSet::parse(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
  return parse(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc), out, err);
}

std::optional<int> FlagSet::parse(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
  constexpr int kUsageError = 2;
  given_.clear();
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string_view text = arguments[i];
    if (!text.starts_with('-') || text == "-" || text == "--") {
      err << program_ << ": unexpected argument " << go_quote(text) << "\n\n" << usage();
      return kUsageError;
    }
    const bool single_dash = !text.starts_with("--");
    text.remove_prefix(single_dash ? 1 : 2);
    const auto equals = text.find('=');
    std::string_view name = text.substr(0, equals);
    std::optional<std::string_view> value;
    if (equals != std::string_view::npos) value = text.substr(equals + 1);
    const Flag* flag = find(name);
    if (flag == nullptr && single_dash && !value && text.size() > 1) {  // -v5
      flag = find(text.substr(0, 1));
      if (flag != nullptr && flag->value_name == "number") {
        name = text.substr(0, 1);
        value = text.substr(1);
      } else {
        flag = nullptr;
      }
    }
    if (flag == nullptr && (name == "help" || name == "h")) {
      out << usage();
      return 0;
    }
    if (flag == nullptr) {
      err << program_ << ": unknown flag --" << name << "\n\n" << usage();
      return kUsageError;
    }
    if (!value && flag->value_name.empty()) value = "true";
    if (!value && i + 1 < arguments.size()) value = arguments[++i];
    if (!value) {
      err << program_ << ": flag --" << name << " needs a value\n";
      return kUsageError;
    }
    if (const auto problem = flag->store(*value)) {
      err << program_ << ": flag --" << name << ": bad value " << go_quote(*value) << ": " << *problem << "\n";
      return kUsageError;
    }
    given_.insert(flag->name);
  }
  return std::nullopt;
}

std::string FlagSet::usage() const {
  std::string text = fmt::format("{}\n\nUsage: {} [flags]\n\nFlags:\n", description_, program_);
  for (const Flag& flag : flags_) {
    text += fmt::format("  {}{}{}{}\n        {}", flag.name.size() == 1 ? "-" : "--", flag.name,
                        flag.value_name.empty() ? "" : " ", flag.value_name, flag.help);
    if (!flag.default_text.empty()) text += fmt::format(" (default {})", flag.default_text);
    text += '\n';
  }
  text += "  --help\n        print this text and exit\n";
  return text;
}

}  // namespace podid::base
