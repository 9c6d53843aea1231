// SPDX-License-Identifier: Apache-2.0
#include "lab/cluster/lab.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <filesystem>
#include <ranges>

#include "base/file.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "lab/clock/clock_file.hpp"
#include "lab/cluster/components.hpp"
#include "lab/cluster/files.hpp"
#include "lab/cluster/namespaces.hpp"

namespace podid::lab::cluster {
namespace {

namespace json = boost::json;
constexpr std::chrono::seconds kReadyTimeout{90};
constexpr std::chrono::milliseconds kProbeInterval{50};
constexpr std::chrono::seconds kStopPatience{8};

std::string log_tail(const Layout& layout, const std::string& component) {
  const std::string path = layout.file("logs/" + component + ".log");
  const auto log = base::read_file(path, 64 << 20);
  if (!log) return "";
  constexpr std::size_t kShown = 1500;
  const std::string_view text = base::trim(*log);
  return fmt::format("\n--- end of {}:\n{}", path, text.substr(text.size() > kShown ? text.size() - kShown : 0));
}

base::Task<base::Result<>> kubectl(const Layout& layout, std::vector<std::string> arguments, std::string input) {
  std::vector<std::string> command{"kubectl", "--kubeconfig", layout.file("kubeconfig"), "--cache-dir",
                                   layout.file("kubectl-cache")};
  command.insert(command.end(), arguments.begin(), arguments.end());
  auto result = co_await base::run_process(std::move(command), std::move(input), std::chrono::seconds(60));
  if (!result) co_return std::unexpected(result.error());
  if (result->exit_code != 0) {
    co_return base::fail(base::ErrorKind::internal,
                         fmt::format("kubectl {}: {}", fmt::join(arguments, " "), base::trim(result->error_output)));
  }
  co_return base::Result<>{};
}

// The URL that says whether a component is ready, asked from inside its namespace; empty for those without
// one.
std::string probe_url(const Component& component) {
  if (component.name == "apiserver") return fmt::format("https://{}:{}/readyz", kControlPlaneAddress, kApiServerPort);
  if (component.name == "azure")
    return fmt::format("http://{}:{}/_lab/health", kControlPlaneAddress, kAzureControlPort);
  if (component.name.starts_with("nmi-")) return fmt::format("http://127.0.0.1:{}/readyz", kNmiProbePort);
  if (component.name.starts_with("mic-")) {
    const auto index = base::parse_number<std::size_t>(std::string_view(component.name).substr(4)).value_or(0);
    return fmt::format("http://127.0.0.1:{}/livez", mic_probe_port(index));
  }
  return {};
}

base::Task<bool> probe(const std::string& name_space, std::string url) {
  std::vector<std::string> command{"ip",         "netns", "exec", name_space,  "curl",        "-fsSk",
                                   "--max-time", "5",     "-o",   "/dev/null", std::move(url)};
  const auto result = co_await base::run_process(std::move(command), {}, std::chrono::seconds(10));
  co_return result && result->exit_code == 0;
}

json::object node_object(const NodeLayout& node) {
  return {{"apiVersion", "v1"},
          {"kind", "Node"},
          {"metadata",
           {{"name", node.name}, {"labels", {{"kubernetes.io/hostname", node.name}, {"kubernetes.io/os", "linux"}}}}},
          {"spec", {{"providerID", node.provider_id}, {"podCIDR", node.pod_subnet}}}};
}

base::Task<base::Result<>> start_one(LabState& state, Component& component, base::Clock& clock) {
  auto started = start_component(state.layout, component);
  if (!started) co_return started;
  auto saved = save_state(state);
  if (!saved) co_return saved;
  auto ready = co_await wait_until_ready(state, component, clock);
  co_return ready;
}

base::Task<base::Result<>> fill_cluster(const LabState& state, const UpOptions& options) {
  const Layout& layout = state.layout;
  std::vector<std::string> crds{"apply", "-f", options.deploy_directory + "/crds"};
  auto applied = co_await kubectl(layout, std::move(crds), {});
  if (!applied) co_return applied;
  std::vector<std::string> wait{"wait", "--for=condition=Established", "--timeout=30s", "crd", "--all"};
  auto established = co_await kubectl(layout, std::move(wait), {});
  if (!established) co_return established;
  // Without it nobody counts a grant.
  std::vector<std::string> policies{"apply", "-f", options.deploy_directory + "/policies/grants.yaml"};
  auto guarded = co_await kubectl(layout, std::move(policies), {});
  if (!guarded) co_return guarded;
  if (state.control_plane == "real") {
    std::vector<std::string> rbac{"apply", "-f", options.deploy_directory + "/rbac"};
    auto allowed = co_await kubectl(layout, std::move(rbac), {});
    if (!allowed) co_return allowed;
  }
  json::array nodes;
  for (const NodeLayout& node : layout.nodes) nodes.push_back(node_object(node));
  std::vector<std::string> apply{"apply", "--validate=false", "-f", "-"};
  auto joined =
      co_await kubectl(layout, std::move(apply),
                       json::serialize(json::object{{"apiVersion", "v1"}, {"kind", "List"}, {"items", nodes}}));
  co_return joined;
}

base::Task<base::Result<>> make_everything(LabState& state, const UpOptions& options, base::Clock& clock,
                                           base::Random& random, const Progress& progress) {
  const Layout& layout = state.layout;
  progress("certificates, tokens and configuration in " + layout.directory);
  auto files = write_lab_files(layout, clock, random);
  if (!files) co_return files;
  if (has_own_clock(state.control_plane)) {
    auto own = clock::create(state.clock_file());
    if (!own) co_return own;
  }
  auto saved = save_state(state);
  if (!saved) co_return saved;
  progress(fmt::format("network namespaces: the control plane and {} nodes", layout.nodes.size()));
  auto control_plane = co_await make_control_plane(layout);
  if (!control_plane) co_return control_plane;
  for (const NodeLayout& node : layout.nodes) {
    auto made = co_await make_node(layout, node);
    if (!made) co_return made;
  }
  for (Component& component : state.components) {
    progress("start " + component.name);
    auto started = co_await start_one(state, component, clock);
    if (!started) co_return base::fail(std::move(started.error()), component.name);
    if (component.name == "door") {
      const auto port_text = base::read_file(layout.file("door.port"));
      const auto port = port_text ? base::parse_number<std::uint16_t>(base::trim(*port_text)) : std::nullopt;
      if (!port) co_return base::fail(base::ErrorKind::internal, "door.port is missing");
      auto written = write_outside_kubeconfig(layout, *port);
      if (!written) co_return written;
      progress("CRDs, admission policies, roles and nodes");
      if (state.control_plane != "real") {
        progress("this API server asks no CEL rule and no admission policy: it takes what they would refuse");
      }
      auto filled = co_await fill_cluster(state, options);
      if (!filled) co_return filled;
    }
  }
  co_return base::Result<>{};
}

// Processes of this lab that no state file tells of (a crash between start and record; `lab exec`): their
// command lines name the lab's directory.
void kill_stragglers(const Layout& layout) {
  std::error_code error;
  const std::string argument = std::string(1, '\0') + layout.directory + std::string(1, '\0');
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const auto pid = base::parse_number<pid_t>(entry.path().filename().string());
    if (!pid || *pid == ::getpid() || *pid == ::getppid()) continue;
    const auto command = base::read_file(entry.path() / "cmdline");
    if (command && command->find("lab") != std::string::npos &&
        command->find(std::string("--dir") + argument) != std::string::npos &&
        command->find("serve-") != std::string::npos) {
      ::kill(*pid, SIGKILL);
    }
  }
}

}  // namespace

base::Task<base::Result<>> wait_until_ready(const LabState& state, const Component& component, base::Clock& clock) {
  const std::string url = probe_url(component);
  const auto deadline = clock.steady_now() + kReadyTimeout;
  const bool is_door = component.name == "door";
  while (true) {
    if (!is_running(component)) {
      co_return base::fail(base::ErrorKind::internal,
                           component.name + " ended" + log_tail(state.layout, component.name));
    }
    if (is_door) {
      if (base::read_file(state.layout.file("door.port"))) co_return base::Result<>{};
    } else if (url.empty()) {
      co_return base::Result<>{};
    } else {
      const bool ready = co_await probe(component.network_namespace, url);
      if (ready) co_return base::Result<>{};
    }
    if (clock.steady_now() > deadline) {
      co_return base::fail(base::ErrorKind::timeout,
                           fmt::format("{} is not ready after {} s ({}){}", component.name, kReadyTimeout.count(), url,
                                       log_tail(state.layout, component.name)));
    }
    co_await clock.sleep_for(kProbeInterval);
  }
}

base::Task<base::Result<>> bring_up(Layout layout, UpOptions options, base::Clock& clock, base::Random& random,
                                    Progress progress) {
  if (::geteuid() != 0)
    co_return base::fail(base::ErrorKind::denied, "the lab makes network namespaces: run it as root");
  std::error_code error;
  if (std::filesystem::exists(layout.file("lab.json"), error) || !list_namespaces(layout).empty()) {
    co_return base::fail(base::ErrorKind::already_exists,
                         fmt::format("lab \"{}\" is there already: use it, or end it with `podid lab down --name {}`",
                                     layout.name, layout.name));
  }
  std::filesystem::create_directories(layout.file("logs"), error);
  if (error)
    co_return base::fail(base::ErrorKind::internal, "cannot make " + layout.directory + ": " + error.message());
  LabState state{.layout = layout, .control_plane = options.lab.control_plane, .components = {}};
  state.components = make_components(layout, options.lab, options.binaries);
  auto made = co_await make_everything(state, options, clock, random, progress);
  if (made) co_return made;
  auto undone = co_await take_down(layout, Logs::stay);
  if (!undone)
    co_return base::fail(std::move(made.error()), "and it could not be taken down: " + undone.error().message);
  co_return base::fail(std::move(made.error()), "the lab did not come up (logs: " + layout.file("logs") + ")");
}

base::Task<base::Result<>> take_down(Layout layout, Logs logs) {
  auto state = load_state(layout.directory);
  if (state) {
    for (Component& component : std::views::reverse(state->components)) {
      auto stopped = co_await stop_component(component, SIGTERM, kStopPatience);
      if (!stopped) co_return stopped;
    }
  }
  kill_stragglers(layout);
  for (const std::string& name : list_namespaces(layout)) {
    auto removed = co_await remove_namespace(name);
    if (!removed) co_return removed;
  }
  std::error_code error;
  if (logs == Logs::go) {
    std::filesystem::remove_all(layout.directory, error);
  } else {
    for (const auto& entry : std::filesystem::directory_iterator(layout.directory, error)) {
      if (entry.path().filename() != "logs") std::filesystem::remove_all(entry.path(), error);
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    co_return base::fail(base::ErrorKind::internal, "cannot remove " + layout.directory + ": " + error.message());
  }
  co_return base::Result<>{};
}

std::vector<ComponentStatus> status(const LabState& state) {
  std::vector<ComponentStatus> all;
  for (const Component& component : state.components) {
    all.push_back({component.name, component.network_namespace, component.pid, is_running(component)});
  }
  return all;
}

}  // namespace podid::lab::cluster
