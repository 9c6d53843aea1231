// SPDX-License-Identifier: Apache-2.0
#include "net/server/port_holder.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/text.hpp"

namespace podid::net {
namespace {

namespace fs = std::filesystem;

// The inodes of the sockets that listen on the port, from a table as proc(5) describes /proc/net/tcp.
void add_listening_inodes(const char* table, std::uint16_t port, std::set<std::string>& inodes) {
  constexpr std::string_view kListen = "0A";
  const std::string wanted = fmt::format(":{:04X}", port);
  std::ifstream file(table);
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string number, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
    fields >> number >> local >> remote >> state >> queues >> timer >> retransmits >> uid >> timeout >> inode;
    if (state == kListen && local.ends_with(wanted)) inodes.insert("socket:[" + inode + "]");
  }
}

bool has_one_of(const fs::path& descriptors, const std::set<std::string>& inodes) {
  std::error_code error;
  for (fs::directory_iterator at(descriptors, error), end; !error && at != end; at.increment(error)) {
    std::error_code unreadable;
    const fs::path link = fs::read_symlink(at->path(), unreadable);
    if (!unreadable && inodes.contains(link.string())) return true;
  }
  return false;
}

}  // namespace

std::string find_port_holder(std::uint16_t port) {
  std::set<std::string> inodes;
  add_listening_inodes("/proc/net/tcp", port, inodes);
  add_listening_inodes("/proc/net/tcp6", port, inodes);
  if (inodes.empty()) return {};
  std::error_code error;
  for (fs::directory_iterator at("/proc", error), end; !error && at != end; at.increment(error)) {
    const std::string pid = at->path().filename().string();
    if (!base::parse_number<std::uint32_t>(pid) || !has_one_of(at->path() / "fd", inodes)) continue;
    std::string name;
    std::getline(std::ifstream(at->path() / "comm"), name);
    return fmt::format("process {} ({})", pid, name);
  }
  return {};
}

}  // namespace podid::net
