// SPDX-License-Identifier: Apache-2.0
#include "cli/completion.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

namespace podid::cli {
namespace {

const std::map<std::string, std::string_view> kScripts = {{"bash", R"sh(# source <(podid completion bash)
_podid() {
  local IFS=$'\n'
  COMPREPLY=($("${COMP_WORDS[0]}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _podid podid
)sh"},
                                                          {"zsh", R"sh(#compdef podid
# source <(podid completion zsh)
_podid() {
  local -a found
  found=(${(f)"$(${words[1]} __complete "${(@)words[2,CURRENT]}" 2>/dev/null)"})
  compadd -a found
}
compdef _podid podid
)sh"},
                                                          {"fish", R"sh(# podid completion fish | source
complete -c podid -f -a '(podid __complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
)sh"}};

// CLI11 knows a bare "--" and leaves the words behind a prefix verb alone: the last word may begin with a hyphen.
constexpr const char* kAsk = "__complete";

}  // namespace

std::vector<std::string> complete(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* at = &app;
  const auto visible = [](const CLI::App* each) { return !each->get_group().empty(); };
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    for (const CLI::App* verb : at->get_subcommands(visible)) {
      if (verb->get_name() == words[i]) {
        at = verb;
        break;
      }
    }
  }
  const std::string begun = words.empty() ? std::string() : words.back();
  std::vector<std::string> found;
  const auto add = [&](const std::string& word) {
    if (word.starts_with(begun)) found.push_back(word);
  };
  if (begun.starts_with('-')) {
    for (const CLI::Option* option : at->get_options()) {
      for (const std::string& name : option->get_lnames()) add("--" + name);
    }
  } else {
    for (const CLI::App* verb : at->get_subcommands(visible)) add(verb->get_name());
  }
  std::ranges::sort(found);
  return found;
}

CompletionVerb::CompletionVerb(CLI::App& app, const Environment& environment, int& status) : environment_(environment) {
  CLI::App* verb = app.add_subcommand("completion", "A script that teaches a shell to complete podid's words");
  verb->add_option("shell", shell_, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  verb->footer("Example:\n  source <(podid completion bash)");
  verb->callback([this] { environment_.out << kScripts.at(shell_); });
  CLI::App* ask = app.add_subcommand(kAsk)->group("");
  ask->prefix_command();
  ask->set_help_flag();
  ask->callback([this, ask, &app, &status] {
    for (const std::string& word : complete(app, ask->remaining())) environment_.out << word << "\n";
    status = kOk;
  });
}

}  // namespace podid::cli
