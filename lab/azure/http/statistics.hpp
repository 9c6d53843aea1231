// SPDX-License-Identifier: Apache-2.0
// What was asked of the simulator: how a test counts upstream calls.
#pragma once
#include <boost/json/value.hpp>
#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>

namespace podid::lab::azure {

class Statistics {
 public:
  static constexpr std::size_t kMaxHistory = 2000;

  struct HistoryEntry {
    std::string endpoint;
    std::string method;
    std::string target;
    std::string peer;
    int status = 0;    // 0: dropped by a fault
    std::string body;  // of a request to ARM; bodies for Entra ID hold credentials and are not kept
  };

  void record(HistoryEntry entry);
  // A token that was signed (not one served from the cache of IMDS).
  void record_issued(std::string_view source, std::string_view client_id, std::string_view resource);
  void record_secret_read(std::string_view secret, std::string_view object_id, std::string_view app_id);
  void reset();

  std::uint64_t requests(std::string_view endpoint) const;
  std::uint64_t requests(std::string_view endpoint, int status) const;
  // Tokens signed for this client ID, of any source; for any resource when it is empty.
  std::uint64_t issued(std::string_view client_id, std::string_view resource = {}) const;
  std::uint64_t secret_reads(std::string_view secret, std::string_view object_id) const;
  // Oldest first, at most the newest kMaxHistory.
  const std::deque<HistoryEntry>& history() const { return history_; }

  // {"requests": {"imds.token": {"200": 3}}, "issued": [...], "secret_reads": [...]}
  boost::json::object write() const;
  boost::json::array write_history() const;

 private:
  struct IssuedKey {
    std::string source, client_id, resource;
    auto operator<=>(const IssuedKey&) const = default;
  };
  struct ReadKey {
    std::string secret, object_id, app_id;
    auto operator<=>(const ReadKey&) const = default;
  };
  std::map<std::string, std::map<int, std::uint64_t>, std::less<>> requests_;
  std::map<IssuedKey, std::uint64_t> issued_;
  std::map<ReadKey, std::uint64_t> secret_reads_;
  std::deque<HistoryEntry> history_;
};

}  // namespace podid::lab::azure
