// SPDX-License-Identifier: Apache-2.0
#include "lab/cli/verbs.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>

#include "base/file.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/run_blocking.hpp"
#include "base/text.hpp"
#include "base/time_text.hpp"
#include "lab/apiserver/serve.hpp"
#include "lab/azure/program.hpp"
#include "lab/cli/pods.hpp"
#include "lab/clock/clock_file.hpp"
#include "lab/cluster/components.hpp"
#include "lab/cluster/door.hpp"
#include "lab/cluster/lab.hpp"
#include "lab/cluster/namespaces.hpp"
#include "lab/cluster/node_agent.hpp"

namespace podid::lab::cli {

namespace json = boost::json;

// Values of the options of all verbs; CLI11 writes them before it calls the verb.
struct Verbs::Settings {
  std::string name = "lab";
  std::string directory;
  std::size_t nodes = 2;
  std::size_t mics = 1;
  std::string control_plane = "embedded";
  std::string deploy_directory;
  std::vector<std::string> nmi_flags;
  std::vector<std::string> mic_flags;
  bool keep_logs = false;
  std::string output = "table";
  std::string component;
  std::string signal = "TERM";
  std::string exec_node;
  bool exec_control_plane = false;
  bool exec_clock = false;
  std::string pod_namespace = "default";
  std::string pod_name;
  std::vector<std::string> exec_words;
  PodRequest pod;
  std::vector<std::string> pod_labels;
  apiserver::ServeOptions api_server;
  std::string azure_config;
  std::string clock_action;
  std::string clock_time;
};

namespace {

constexpr std::pair<std::string_view, int> kSignals[] = {
    {"TERM", SIGTERM}, {"KILL", SIGKILL}, {"INT", SIGINT}, {"HUP", SIGHUP}};

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

std::string clock_library(const Environment& environment) {
  return folder_of(environment.program) + "/podid-lab-clock.so";
}

std::string environment_or(const char* name, std::string fallback) {
  const char* value = std::getenv(name);
  return value && *value ? value : std::move(fallback);
}

}  // namespace

Verbs::~Verbs() = default;

// Prints the failure of a verb and returns its exit status.
static int report(const base::Result<>& result, const Environment& environment) {
  if (result) return kOk;
  environment.err << "podid lab: " << result.error().message << "\n";
  return result.error().kind == base::ErrorKind::invalid ? kUsage : kFailed;
}

static std::string directory_of(const std::string& name, const std::string& directory) {
  return directory.empty() ? cluster::default_directory(name) : directory;
}

static base::Result<> require_clock(const cluster::LabState& state) {
  if (cluster::has_own_clock(state.control_plane)) return {};
  return base::fail(base::ErrorKind::unsupported,
                    "this lab's control plane is a real one, whose clock cannot be driven (static Go programs, which "
                    "ask the kernel): bring one up with --control-plane embedded");
}

std::optional<cluster::LabState> Verbs::find_lab() {
  auto state = cluster::load_state(directory_of(settings_->name, settings_->directory));
  if (state) return *std::move(state);
  status_ = report(std::unexpected(std::move(state.error())), environment_);
  return std::nullopt;
}

Verbs::Verbs(CLI::App& app, const Environment& environment, int& status)
    : environment_(environment), status_(status), settings_(std::make_unique<Settings>()) {
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--name", settings_->name, "Name of the lab; labs of different names run side by side")
      ->capture_default_str();
  app.add_option("--dir", settings_->directory, "Folder of all its files (default /run/podid/lab/NAME)");
  add_up(app);
  add_down(app);
  add_status(app);
  add_exec(app);
  add_pod(app);
  add_components(app);
  add_clock(app);
  add_programs(app);
}

void Verbs::add_up(CLI::App& lab) {
  Settings& s = *settings_;
  CLI::App* up = lab.add_subcommand("up", "Bring a lab up and wait until everything in it is ready");
  up->add_option("--nodes", s.nodes, "Nodes; the first is a VM, the others instances of a scale set")
      ->capture_default_str();
  up->add_option("--mics", s.mics, "Replicas of the MIC")->capture_default_str()->check(CLI::Range(0, 5));
  up->add_option("--control-plane", s.control_plane,
                 "embedded, or real: kube-apiserver and etcd (scripts/build-control-plane)")
      ->check(CLI::IsMember({"embedded", "real"}))
      ->capture_default_str();
  up->add_option("--deploy-dir", s.deploy_directory, "Folder of the manifests (crds/, rbac/, policies/)");
  up->add_option("--nmi-flag", s.nmi_flags, "A flag for every NMI, as --nmi-flag=--v=1; may be repeated");
  up->add_option("--mic-flag", s.mic_flags, "A flag for every MIC; may be repeated");
  up->callback([this] {
    const Settings& chosen = *settings_;
    auto layout = cluster::make_layout(chosen.name, directory_of(chosen.name, chosen.directory), chosen.nodes);
    if (!layout) {
      status_ = report(std::unexpected(layout.error()), environment_);
      return;
    }
    const std::string folder = folder_of(environment_.program);
    cluster::UpOptions options;
    options.lab = {.mics = chosen.mics,
                   .control_plane = chosen.control_plane,
                   .nmi_flags = chosen.nmi_flags,
                   .mic_flags = chosen.mic_flags};
    options.binaries = {.podid_lab = environment_.program,
                        .mic = folder + "/mic",
                        .nmi = folder + "/nmi",
                        .kube_apiserver = environment_or("PODID_KUBE_APISERVER", "kube-apiserver"),
                        .etcd = environment_or("PODID_ETCD", "etcd"),
                        .clock = clock_library(environment_)};
    options.deploy_directory =
        chosen.deploy_directory.empty() ? environment_.deploy_directory : chosen.deploy_directory;
    base::RealClock clock;
    base::SystemRandom random;
    auto up_result =
        base::run_blocking(cluster::bring_up(*layout, options, clock, random, [this](const std::string& step) {
          environment_.out << "  " << step << std::endl;
        }));
    status_ = report(up_result, environment_);
    if (up_result) {
      environment_.out << fmt::format(
          "lab \"{0}\" is up\n  export KUBECONFIG={1}/kubeconfig\n  kubectl get nodes\n"
          "  podid lab pod add web --label aadpodidbinding=reader\n  podid lab exec web -- curl …\n"
          "  podid lab down --name {0}\n",
          layout->name, layout->directory);
    }
  });
}

void Verbs::add_down(CLI::App& lab) {
  CLI::App* down = lab.add_subcommand("down", "End every process of the lab and remove its namespaces and files");
  down->add_flag("--keep-logs", settings_->keep_logs, "Leave the logs");
  down->callback([this] {
    const Settings& s = *settings_;
    auto layout = cluster::make_layout(s.name, directory_of(s.name, s.directory), 1);
    if (!layout) {
      status_ = report(std::unexpected(layout.error()), environment_);
      return;
    }
    status_ =
        report(base::run_blocking(cluster::take_down(*layout, s.keep_logs ? cluster::Logs::stay : cluster::Logs::go)),
               environment_);
  });
}

void Verbs::add_status(CLI::App& lab) {
  CLI::App* verb = lab.add_subcommand("status", "What runs; exit status 1 when something of it does not");
  verb->add_option("-o,--output", settings_->output, "table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  verb->callback([this] {
    const auto state = find_lab();
    if (!state) return;
    const auto components = cluster::status(*state);
    json::array rows;
    std::string table = fmt::format("{:<14} {:<8} {:<8} {}\n", "COMPONENT", "STATE", "PID", "NAMESPACE");
    for (const auto& c : components) {
      rows.push_back({{"name", c.name}, {"running", c.running}, {"pid", c.pid}, {"namespace", c.network_namespace}});
      table += fmt::format("{:<14} {:<8} {:<8} {}\n", c.name, c.running ? "running" : "stopped", c.pid,
                           c.network_namespace.empty() ? "(machine)" : c.network_namespace);
    }
    if (settings_->output == "json") {
      environment_.out << json::serialize(json::object{{"directory", state->layout.directory}, {"components", rows}})
                       << "\n";
    } else {
      environment_.out << table << "KUBECONFIG=" << state->kubeconfig() << "\n";
    }
    const bool all = std::ranges::all_of(components, &cluster::ComponentStatus::running);
    status_ = all ? kOk : kFailed;
  });
}

void Verbs::add_exec(CLI::App& lab) {
  Settings& s = *settings_;
  CLI::App* exec = lab.add_subcommand("exec", "Run a command in a pod's network namespace: exec POD -- COMMAND …");
  exec->add_option("-n,--namespace", s.pod_namespace, "Namespace of the pod")->capture_default_str();
  exec->add_option("--node", s.exec_node, "In this node's namespace instead of a pod's");
  exec->add_flag("--control-plane", s.exec_control_plane, "In the control plane's namespace");
  exec->add_flag("--clock", s.exec_clock,
                 "The command sees the lab's clock, too (unless it is static, as Go programs are)");
  exec->add_option("words", s.exec_words, "[POD] COMMAND [ARGUMENT …]")->required();
  exec->positionals_at_end();
  exec->callback([this] {
    const auto state = find_lab();
    if (!state) return;
    std::vector<std::string> command = settings_->exec_words;
    // CLI11 leaves the separator between POD and COMMAND among the words.
    const auto separator = std::ranges::find(command, "--");
    if (separator - command.begin() <= 1 && separator != command.end()) command.erase(separator);
    std::string target = state->layout.control_plane_namespace();
    if (!settings_->exec_node.empty()) {
      target = state->layout.node_namespace(settings_->exec_node);
    } else if (!settings_->exec_control_plane) {
      target = state->layout.pod_namespace(settings_->pod_namespace, command.front());
      command.erase(command.begin());
    }
    if (command.empty()) {
      status_ = report(base::fail(base::ErrorKind::invalid, "exec: no command given: podid lab exec POD -- COMMAND"),
                       environment_);
      return;
    }
    const auto entered = cluster::enter_namespace(state->layout, target);
    if (!entered) {
      status_ = report(entered, environment_);
      return;
    }
    if (settings_->exec_clock) {
      const auto own = require_clock(*state);
      if (!own) {
        status_ = report(own, environment_);
        return;
      }
      ::setenv("LD_PRELOAD", clock_library(environment_).c_str(), 1);
      ::setenv(clock::kFileVariable, state->clock_file().c_str(), 1);
    }
    std::vector<char*> argv;
    for (std::string& word : command) argv.push_back(word.data());
    argv.push_back(nullptr);
    environment_.out.flush();
    ::execvp(argv[0], argv.data());
    status_ = report(base::fail(base::ErrorKind::not_found, "cannot run " + command[0]), environment_);
  });
}

void Verbs::add_pod(CLI::App& lab) {
  Settings& s = *settings_;
  CLI::App* pod = lab.add_subcommand("pod", "Pods without a manifest");
  pod->require_subcommand(1);
  pod->fallthrough();
  CLI::App* add = pod->add_subcommand("add", "Create a pod and wait until it runs");
  add->add_option("pod", s.pod_name, "Name")->required();
  add->add_option("-n,--namespace", s.pod_namespace, "Namespace; made when missing")->capture_default_str();
  add->add_option("--node", s.pod.node, "Node")->capture_default_str();
  add->add_option("-l,--label", s.pod_labels, "A label, KEY=VALUE; may be repeated");
  add->add_flag("--host-network", s.pod.host_network, "On the node's own network");
  CLI::App* remove = pod->add_subcommand("rm", "Delete a pod and wait until it is gone");
  remove->add_option("pod", s.pod_name, "Name")->required();
  remove->add_option("-n,--namespace", s.pod_namespace, "Namespace")->capture_default_str();
  const auto run_verb = [this](bool adding) {
    const auto state = find_lab();
    if (!state) return;
    PodRequest request = settings_->pod;
    request.ns = settings_->pod_namespace;
    request.name = settings_->pod_name;
    for (const std::string& label : settings_->pod_labels) {
      const auto separator = label.find('=');
      if (separator == std::string::npos) {
        status_ = report(base::fail(base::ErrorKind::invalid, "--label " + label + ": use KEY=VALUE"), environment_);
        return;
      }
      request.labels.emplace(label.substr(0, separator), label.substr(separator + 1));
    }
    status_ = report(
        adding ? add_pod_and_wait(state->kubeconfig(), request) : remove_pod_and_wait(state->kubeconfig(), request),
        environment_);
  };
  add->callback([run_verb] { run_verb(true); });
  remove->callback([run_verb] { run_verb(false); });
}

void Verbs::add_components(CLI::App& lab) {
  CLI::App* stop = lab.add_subcommand("stop", "End a component (see status), as a crash or an upgrade would");
  stop->add_option("component", settings_->component, "Component")->required();
  stop->add_option("--signal", settings_->signal, "TERM, KILL, INT or HUP")
      ->check(CLI::IsMember({"TERM", "KILL", "INT", "HUP"}))
      ->capture_default_str();
  CLI::App* start = lab.add_subcommand("start", "Start a component that was stopped, and wait until it is ready");
  start->add_option("component", settings_->component, "Component")->required();
  const auto with_component = [this](auto action) {
    auto state = find_lab();
    if (!state) return;
    cluster::Component* component = state->find(settings_->component);
    if (!component) {
      std::string names;
      for (const auto& each : state->components) names += " " + each.name;
      status_ = report(
          base::fail(base::ErrorKind::invalid, "no component \"" + settings_->component + "\"; there are:" + names),
          environment_);
      return;
    }
    status_ = report(action(*state, *component), environment_);
  };
  stop->callback([this, with_component] {
    with_component([this](cluster::LabState& state, cluster::Component& component) -> base::Result<> {
      const auto* chosen = std::ranges::find(kSignals, settings_->signal, &std::pair<std::string_view, int>::first);
      auto stopped = base::run_blocking(cluster::stop_component(component, chosen->second, std::chrono::seconds(60)));
      if (!stopped) return stopped;
      return cluster::save_state(state);
    });
  });
  start->callback([with_component] {
    with_component([](cluster::LabState& state, cluster::Component& component) -> base::Result<> {
      if (cluster::is_running(component))
        return base::fail(base::ErrorKind::already_exists, component.name + " runs already");
      auto started = cluster::start_component(state.layout, component);
      if (!started) return started;
      auto saved = cluster::save_state(state);
      if (!saved) return saved;
      base::RealClock clock;
      return base::run_blocking(cluster::wait_until_ready(state, component, clock));
    });
  });
}

void Verbs::add_clock(CLI::App& lab) {
  CLI::App* verb =
      lab.add_subcommand("clock", "Show or drive the lab's clock: clock [+2h | set 2026-12-01T23:59:58Z | reset]");
  verb->add_option("action", settings_->clock_action,
                   "+DURATION (1h30m …): further on; set TIME; reset: the machine's time");
  verb->add_option("time", settings_->clock_time, "RFC 3339, for set");
  verb->callback([this] {
    const auto state = find_lab();
    if (!state) return;
    const auto own = require_clock(*state);
    if (!own) {
      status_ = report(own, environment_);
      return;
    }
    auto offset = clock::offset(state->clock_file());
    const base::WallTime now = base::RealClock().wall_now();
    if (offset && !settings_->clock_action.empty()) {
      offset = clock::asked_offset(settings_->clock_action, settings_->clock_time, *offset, now);
      const auto set = offset ? clock::set_offset(state->clock_file(), *offset) : base::Result<>();
      if (!set) offset = std::unexpected(set.error());
    }
    if (!offset) {
      status_ = report(std::unexpected(offset.error()), environment_);
      return;
    }
    const auto seconds = std::chrono::round<std::chrono::seconds>(*offset);
    environment_.out << base::format_rfc3339(now + *offset);
    if (seconds != seconds.zero()) {
      environment_.out << fmt::format(" ({}{} the machine's)", base::format_go_duration(std::chrono::abs(seconds)),
                                      seconds > seconds.zero() ? " ahead of" : " behind");
    }
    environment_.out << "\n";
  });
}

// The programs that `up` starts; they are this executable again.
void Verbs::add_programs(CLI::App& lab) {
  Settings& s = *settings_;
  const std::string group;  // an empty group hides a verb from --help
  CLI::App* api =
      lab.add_subcommand("serve-apiserver", "The embedded Kubernetes API server, in the foreground")->group(group);
  api->add_option("--address", s.api_server.address);
  api->add_option("--port", s.api_server.port);
  api->add_option("--certificate-file", s.api_server.certificate_file);
  api->add_option("--key-file", s.api_server.key_file);
  api->add_option("--token-file", s.api_server.token_file);
  api->add_option("--state-file", s.api_server.state_file);
  api->callback([this] { status_ = report(apiserver::run_api_server(settings_->api_server), environment_); });
  CLI::App* azure = lab.add_subcommand("serve-azure", "The simulated Azure, in the foreground")->group(group);
  azure->add_option("--config", s.azure_config)->required();
  azure->callback([this] { status_ = azure::run_azure_simulator(settings_->azure_config, environment_.out); });
  const auto with_layout = [this](base::Result<> (*program)(const cluster::Layout&)) {
    const auto state = find_lab();
    if (state) status_ = report(program(state->layout), environment_);
  };
  lab.add_subcommand("serve-door", "From the machine's loopback to the lab's API server")
      ->group(group)
      ->callback([with_layout] { with_layout(&cluster::run_door); });
  lab.add_subcommand("serve-node-agent", "The lab's kubelet")->group(group)->callback([with_layout] {
    with_layout(
        [](const cluster::Layout& layout) { return cluster::run_node_agent(layout, layout.file("kubeconfig")); });
  });
}

}  // namespace podid::lab::cli
