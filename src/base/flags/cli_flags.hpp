// SPDX-License-Identifier: Apache-2.0
// Command-line flags of the daemons, in the forms that aad-pod-identity's programs accept.
#pragma once
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace podid::base {

// Accepted: --name=value, --name value, -name=value, -name value; booleans as --name or --name=true|false
// (never with a separate value); -v5 for a one-letter number. (CLI11 reads "-name" as five short flags, hence
// a parser of our own.)
//
//   FlagSet flags("nmi", "Answers token requests of the pods of one node.");
//   flags.add("nmi-port", options.port, "port the service listens on");
//   if (const auto exit_code = flags.parse(argc, argv, std::cout, std::cerr)) return *exit_code;
//
// The targets hold the defaults when a flag is added and outlive parse(). Not thread-safe.
class FlagSet {
 public:
  FlagSet(std::string program, std::string description);

  // `help`: one line, lower case, no full stop. `minimum` makes a smaller number a bad value.
  void add(std::string name, bool& target, std::string help);
  void add(std::string name, std::string& target, std::string help);
  void add(std::string name, std::int64_t& target, std::string help,
           std::int64_t minimum = std::numeric_limits<std::int64_t>::min(),
           std::int64_t maximum = std::numeric_limits<std::int64_t>::max());
  void add(std::string name, int& target, std::string help, int minimum = std::numeric_limits<int>::min(),
           int maximum = std::numeric_limits<int>::max());
  void add(std::string name, double& target, std::string help, double minimum = 0);
  // Go durations: 300ms, 90s, 2h45m.
  void add(std::string name, Duration& target, std::string help, Duration minimum = Duration(0));
  // Comma-separated; items are trimmed and empty ones dropped; the flag may be repeated.
  void add(std::string name, std::vector<std::string>& target, std::string help);
  // A TCP port, as text or number, 1 to 65535.
  void add_port(std::string name, std::uint16_t& target, std::string help);
  // One of `allowed`, compared without regard to case and stored as listed.
  void add_choice(std::string name, std::string& target, std::vector<std::string> allowed, std::string help);
  enum class Ignored { value, switch_alone };
  // Accepted for drop-in use; changes nothing. A switch takes no separate value.
  void add_ignored(std::string name, std::string help, Ignored kind = Ignored::value);
  // A value that only the caller can check: `parse` gets the text and returns what is wrong with it ("must be
  // …"), or nothing.
  void add_custom(std::string name, std::string default_text, std::string help,
                  std::function<std::optional<std::string>(std::string_view)> parse);

  // Nothing: all is well, go on. A number: exit with it. --help and -h print the flags to `out` (0); an
  // unknown flag or a stray argument prints what is wrong and the usage to `err` (2); a bad value prints one
  // line that names the flag, the value and what is allowed (2).
  std::optional<int> parse(int argc, const char* const* argv, std::ostream& out, std::ostream& err);
  std::optional<int> parse(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

  // Whether the last parse() saw the flag.
  bool given(std::string_view name) const { return given_.contains(name); }

  std::string usage() const;

 private:
  struct Flag {
    std::string name;
    std::string value_name;  // empty: boolean
    std::string default_text;
    std::string help;
    // What is wrong with a value, or nothing once it is stored.
    std::function<std::optional<std::string>(std::string_view)> store;
  };
  void add_flag(Flag flag);
  const Flag* find(std::string_view name) const;

  std::string program_;
  std::string description_;
  std::vector<Flag> flags_;  // in the order of adding
  std::set<std::string, std::less<>> given_;
};

}  // namespace podid::base
