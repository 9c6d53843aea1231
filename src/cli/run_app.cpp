// SPDX-License-Identifier: Apache-2.0
#include "cli/run_app.hpp"

#include <fmt/format.h>

#include "cli/common/environment.hpp"
#include "cli/common/output.hpp"

namespace podid::cli {
namespace {

std::vector<std::string> verbs_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App* each) { return !each->get_group().empty(); })) {
    names.push_back(verb->get_name());
  }
  return names;
}

// How far the words lead, and what is wrong with the next one where it should be a verb.
struct Reached {
  std::string verb;  // "podid grant"
  std::string hint;
};

Reached reach(const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* at = &app;
  Reached reached{.verb = app.get_name(), .hint = {}};
  for (const std::string& word : arguments) {
    const std::vector<std::string> verbs = verbs_of(*at);
    if (verbs.empty() || word.starts_with('-')) break;
    if (std::ranges::find(verbs, word) == verbs.end()) {
      if (const auto meant = nearest(word, verbs)) {
        reached.hint = fmt::format("no verb \"{}\": did you mean \"{} {}\"?", word, reached.verb, *meant);
      } else {
        reached.hint = fmt::format("no verb \"{}\"", word);
      }
      break;
    }
    at = at->get_subcommand(word);
    reached.verb += " " + word;
  }
  return reached;
}

}  // namespace

int run_app(CLI::App& app, const std::vector<std::string>& arguments, const int& status, std::ostream& out,
            std::ostream& err) {
  // CLI11 takes the arguments last first.
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error, out, err);  // --help
    const Reached reached = reach(app, arguments);
    std::string what = reached.hint.empty() ? std::string(error.what()) : reached.hint;
    std::ranges::replace(what, '\n', ' ');
    err << fmt::format("{}: {} (see {} --help)\n", app.get_name(), what, reached.verb);
    return kUsage;
  }
  return status;
}

}  // namespace podid::cli
