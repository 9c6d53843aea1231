// SPDX-License-Identifier: Apache-2.0
#include "cli/lab_verb.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>

namespace podid::cli {
namespace {

constexpr const char* kProgram = "podid-lab";

}  // namespace

LabVerb::LabVerb(CLI::App& app, const Environment& environment, int& status) : environment_(environment) {
  CLI::App* lab = app.add_subcommand("lab", "A local lab to try things out: needs the program podid-lab");
  // Every word behind the verb is the other program's, --help too.
  lab->prefix_command();
  lab->set_help_flag();
  lab->callback([this, lab, &status] { status = become_lab(lab->remaining()); });
}

int LabVerb::become_lab(const std::vector<std::string>& arguments) const {
  const std::string folder = environment_.program.substr(0, environment_.program.rfind('/') + 1);
  const std::string beside = folder + kProgram;
  std::vector<std::string> words{kProgram};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  environment_.out.flush();
  if (!folder.empty()) ::execv(beside.c_str(), argv.data());
  ::execvp(kProgram, argv.data());
  environment_.err << "podid: lab needs the program " << kProgram << ", which is neither beside podid" << " ("
                   << (folder.empty() ? "unknown folder" : folder)
                   << ") nor on PATH. It is no part of an installation for a cluster: in a checkout of Pod Identity, "
                      "./dev build makes it and ./dev lab runs it.\n";
  return kFailed;
}

}  // namespace podid::cli
