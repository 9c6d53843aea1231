// SPDX-License-Identifier: Apache-2.0
#include "nmi/server_sandbox.hpp"

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>

#include "base/file.hpp"
#include "base/text.hpp"
#include "sandbox/landlock.hpp"
#include "sandbox/privileges.hpp"
#include "sandbox/process.hpp"
#include "sandbox/system_calls.hpp"

namespace podid::nmi {
namespace {

constexpr std::uint64_t kStackBytes = 8 << 20;  // address space of a thread's stack, of which it uses little

// Names, certificates and time zones; the rest is open already. Not all of /etc: it may hold files of the node's.
std::vector<std::string> readable_files(const std::string& token_file) {
  std::vector<std::string> files{
      "/etc/ssl",       "/etc/pki",           "/usr/lib/ssl",       "/usr/share/ca-certificates",
      "/etc/hosts",     "/etc/services",      "/etc/resolv.conf",   "/usr/local/share/ca-certificates",
      "/etc/host.conf", "/etc/gai.conf",      "/etc/nsswitch.conf", "/etc/protocols",
      "/etc/localtime", "/usr/share/zoneinfo"};
  for (const char* variable : {"SSL_CERT_FILE", "SSL_CERT_DIR", "TZDIR"}) {
    if (const char* path = std::getenv(variable)) files.emplace_back(path);
  }
  // Its folder: the kubelet replaces the file.
  if (!token_file.empty()) files.push_back(std::filesystem::path(token_file).parent_path().string());
  return files;
}

base::Result<> another_user() {
  if (::geteuid() != 0) return {};
  return sandbox::become_user(kServerUser);
}

// A seventh of the container's memory is left for the keeper and its tools, so that this process runs out first: the
// kernel would end all of the container.
base::Result<> less_memory_than_the_container(const ServerSandboxOptions& options) {
  const base::Result<std::string> text = base::read_file(options.memory_limit_file);
  if (!text) return {};  // no container of this kind
  const auto limit = base::parse_number<std::uint64_t>(base::trim(*text));
  if (!limit) return {};  // "max": no limit
  return sandbox::limit_data(*limit - *limit / 8 + options.threads * kStackBytes);
}

}  // namespace

base::Result<std::vector<Measure>> enter_server_sandbox(const ServerSandboxOptions& options) {
  std::vector<Measure> measures;
  const base::Result<> memory = less_memory_than_the_container(options);
  measures.push_back({"uid", another_user()});
  measures.push_back({"capabilities", sandbox::keep_capabilities(0, 0)});
  measures.push_back({"no_new_privs", sandbox::harden_process()});
  measures.push_back({"memory_limit", memory});
  base::Result<> bound = sandbox::end_with_parent(options.keeper);
  if (!bound) return std::unexpected(std::move(bound.error()));
  measures.push_back(
      {"landlock", sandbox::restrict_files(readable_files(options.token_file), options.writable_folders)});
  const auto files = options.writable_folders.empty() ? sandbox::FileCalls::read : sandbox::FileCalls::write;
  measures.push_back({"seccomp", sandbox::allow_server_calls(files)});
  return measures;
}

}  // namespace podid::nmi
