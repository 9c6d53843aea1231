// SPDX-License-Identifier: Apache-2.0
#include "lab/cluster/namespaces.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/process.hpp"
#include "base/text.hpp"

namespace podid::lab::cluster {
namespace {

constexpr std::string_view kNamespaceFolder = "/run/netns/";
constexpr std::chrono::seconds kCommandTimeout{20};

// Runs one command; its failure is an error with what it printed.
base::Task<base::Result<std::string>> run(std::vector<std::string> command, std::string input = {}) {
  const std::string line = fmt::format("{}", fmt::join(command, " "));
  auto result = co_await base::run_process(std::move(command), std::move(input), kCommandTimeout);
  if (!result) co_return base::fail(std::move(result.error()), line);
  if (result->exit_code != 0) {
    const std::string_view said = base::trim(result->error_output.empty() ? result->output : result->error_output);
    co_return base::fail(base::ErrorKind::internal, fmt::format("{}: exit code {}: {}", line, result->exit_code, said));
  }
  co_return std::move(result->output);
}

// `ip -batch`: one process for a list of changes inside one namespace.
base::Task<base::Result<>> ip_batch(const std::string& name_space, std::string lines) {
  std::vector<std::string> command{"ip", "-n", name_space, "-batch", "-"};
  auto result = co_await run(std::move(command), std::move(lines));
  if (!result) co_return std::unexpected(result.error());
  co_return base::Result<>{};
}

base::Task<base::Result<>> add_namespace(const std::string& name) {
  std::vector<std::string> add{"ip", "netns", "add", name};
  auto added = co_await run(std::move(add));
  if (!added) co_return std::unexpected(added.error());
  auto up = co_await ip_batch(name, "link set lo up\n");
  co_return up;
}

std::unexpected<base::Error> fail_errno(const std::string& what) {
  return base::fail(base::ErrorKind::internal, what + ": " + std::generic_category().message(errno));
}

base::Task<base::Result<>> kill_inside(const std::string& name) {
  std::vector<std::string> list{"ip", "netns", "pids", name};
  const auto pids = co_await run(std::move(list));
  if (!pids) co_return std::unexpected(pids.error());
  for (const std::string_view line : base::split(*pids, '\n')) {
    const auto pid = base::parse_number<pid_t>(base::trim(line));
    if (pid && *pid > 1 && *pid != ::getpid()) ::kill(*pid, SIGKILL);
  }
  co_return base::Result<>{};
}

}  // namespace

base::Task<base::Result<>> make_control_plane(const Layout& layout) {
  const std::string name = layout.control_plane_namespace();
  auto added = co_await add_namespace(name);
  if (!added) co_return added;
  std::string lines = "link add br0 type bridge\nlink set br0 up\n";
  lines += fmt::format("addr add {}/24 dev br0\n", kControlPlaneAddress);
  for (const std::string_view address : {kLoginAddress, kArmAddress, kVaultAddress, kMetadataAddress}) {
    lines += fmt::format("addr add {}/32 dev br0\n", address);
  }
  auto linked = co_await ip_batch(name, std::move(lines));
  co_return linked;
}

base::Task<base::Result<>> make_node(const Layout& layout, const NodeLayout& node) {
  const std::string name = layout.node_namespace(node.name);
  auto added = co_await add_namespace(name);
  if (!added) co_return added;
  auto uplink =
      co_await ip_batch(layout.control_plane_namespace(),
                        fmt::format("link add {0} type veth peer name eth0 netns {1}\nlink set {0} master br0 up\n",
                                    node.control_plane_link, name));
  if (!uplink) co_return uplink;
  auto inside = co_await ip_batch(
      name,
      fmt::format("addr add {}/24 dev eth0\nlink set eth0 up\nroute add default via {}\nroute add {}/32 dev eth0\n"
                  "link add cbr0 type bridge\naddr add {}/24 dev cbr0\nlink set cbr0 up\n",
                  node.address, kControlPlaneAddress, kMetadataAddress, node.pod_gateway));
  if (!inside) co_return inside;
  std::vector<std::string> forward{"ip", "netns", "exec", name, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1"};
  auto forwarding = co_await run(std::move(forward));
  if (!forwarding) co_return std::unexpected(forwarding.error());
  // What a CNI plugin does for pods that leave the node: the fabric, and the metadata endpoint, see the
  // node's address.
  std::vector<std::string> nft{"ip", "netns", "exec", name, "nft", "-f", "-"};
  auto masquerade =
      co_await run(std::move(nft), fmt::format("table ip lab_cni {{\n chain postrouting {{\n"
                                               "  type nat hook postrouting priority srcnat; policy accept;\n"
                                               "  ip saddr {} oifname \"eth0\" masquerade\n }}\n}}\n",
                                               node.pod_subnet));
  if (!masquerade) co_return std::unexpected(masquerade.error());
  co_return base::Result<>{};
}

base::Task<base::Result<>> make_pod(const Layout& layout, const NodeLayout& node, const std::string& name_space,
                                    const std::string& address) {
  auto added = co_await add_namespace(name_space);
  if (!added) co_return added;
  // The link's name on the node: unique per address, at most 15 characters.
  const std::string link = "v" + address;
  auto outside = co_await ip_batch(
      layout.node_namespace(node.name),
      fmt::format("link add {0} type veth peer name eth0 netns {1}\nlink set {0} master cbr0 up\n", link, name_space));
  if (!outside) co_return outside;
  auto inside = co_await ip_batch(
      name_space,
      fmt::format("addr add {}/24 dev eth0\nlink set eth0 up\nroute add default via {}\n", address, node.pod_gateway));
  co_return inside;
}

base::Task<base::Result<>> remove_namespace(const std::string& name) {
  if (!namespace_exists(name)) co_return base::Result<>{};
  auto killed = co_await kill_inside(name);
  if (!killed) co_return killed;
  std::vector<std::string> remove{"ip", "netns", "delete", name};
  auto removed = co_await run(std::move(remove));
  if (!removed) co_return std::unexpected(removed.error());
  co_return base::Result<>{};
}

std::vector<std::string> list_namespaces(const Layout& layout) {
  std::vector<std::string> names;
  const std::string prefix = layout.namespace_prefix();
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(kNamespaceFolder, error)) {
    const std::string name = entry.path().filename();
    if (name.starts_with(prefix)) names.push_back(name);
  }
  return names;
}

bool namespace_exists(const std::string& name) {
  std::error_code error;
  return std::filesystem::exists(std::string(kNamespaceFolder) + name, error);
}

base::Result<> enter_namespace(const Layout& layout, const std::string& name) {
  const std::string path = std::string(kNamespaceFolder) + name;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return base::fail(base::ErrorKind::not_found,
                      "no network namespace " + name + ": is lab \"" + layout.name + "\" up?");
  }
  const int entered = ::setns(fd, CLONE_NEWNET);
  ::close(fd);
  if (entered != 0) return fail_errno("cannot enter network namespace " + name);
  if (::unshare(CLONE_NEWNS) != 0) return fail_errno("cannot make a mount namespace");
  if (::mount("", "/", nullptr, MS_SLAVE | MS_REC, nullptr) != 0) return fail_errno("cannot detach mounts");
  // /sys shows the network devices of the namespace that mounted it.
  ::umount2("/sys", MNT_DETACH);
  if (::mount("sysfs", "/sys", "sysfs", 0, nullptr) != 0) return fail_errno("cannot mount /sys");
  for (const char* file : {"hosts", "resolv.conf"}) {
    const std::string ours = layout.file(file);
    const std::string target = std::string("/etc/") + file;
    if (::mount(ours.c_str(), target.c_str(), nullptr, MS_BIND, nullptr) != 0) {
      return fail_errno("cannot put " + ours + " over " + target);
    }
  }
  return {};
}

}  // namespace podid::lab::cluster
