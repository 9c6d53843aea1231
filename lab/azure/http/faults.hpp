// SPDX-License-Identifier: Apache-2.0
// Failures on request: what a test or the control API asks an endpoint to do instead of its work.
#pragma once
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "net/http.hpp"

namespace podid::lab::azure {

enum class FaultKind {
  pass,     // the usual answer, after the delay
  answer,   // status, headers and body of the fault
  reset,    // the connection is dropped without an answer
  half,     // the head and half of the usual answer, then the connection is dropped
  garbage,  // a 200 whose body is not what its content type says
  hang,     // no answer until the client leaves
};

struct Fault {
  std::string endpoint = "*";        // see endpoints.hpp; "arm.patch", "arm" for all of ARM, "*" for everything
  std::string target_contains = {};  // restricts it to requests whose target holds this text, without case
  std::int64_t count = 1;            // requests that it hits; -1: until removed
  std::chrono::milliseconds delay{0};
  FaultKind kind = FaultKind::answer;
  int status = 500;
  net::Headers headers = {};
  std::string content_type = "application/json; charset=utf-8";
  std::string body = {};
};

// As the services throttle: compute's and Entra ID's shapes.
Fault arm_throttled(std::int64_t count, std::chrono::seconds retry_after);
Fault entra_throttled(std::int64_t count);

base::Result<Fault> read_fault(const boost::json::value& document);
boost::json::object write_fault(const Fault& fault);

class FaultList {
 public:
  static constexpr std::size_t kMaxFaults = 1000;

  // Returns its number; `throttled` when there are kMaxFaults already.
  base::Result<std::uint64_t> add(Fault fault);
  bool remove(std::uint64_t number);
  void clear() { entries_.clear(); }
  // The oldest fault that hits this request, counted down.
  std::optional<Fault> take(std::string_view endpoint, std::string_view target);
  boost::json::array write() const;

 private:
  struct Entry {
    std::uint64_t number;
    Fault fault;
  };
  std::list<Entry> entries_;
  std::uint64_t next_number_ = 1;
};

}  // namespace podid::lab::azure
