// SPDX-License-Identifier: Apache-2.0
// What Azure has refused to attach to one VM or scale set, and what else is asked for together with what: whoever
// writes AzureIdentities in one namespace, as many and as often as he likes, delays those of other namespaces by one
// request at most (SEC-4, MIC-16). Pure: no I/O, time is an argument.
#pragma once
#include <cstddef>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace podid::mic {

// Namespaces of AzureIdentities.
using Namespaces = std::set<std::string, std::less<>>;
// Identities (in lower case) with the namespaces that want them.
using Wanted = std::map<std::string, Namespaces, std::less<>>;

struct RefusalTiming {
  base::Duration first_delay;  // of an identity; doubles at each of its refusals
  base::Duration last_delay;   // also: how long a namespace's refusals are remembered
  base::Duration last_pause;   // of a namespace; begins with first_delay
};

// An identity is a suspect when Azure has refused it before, or when in all namespaces that want it others were refused.
// Not thread-safe.
class Refusals {
 public:
  explicit Refusals(RefusalTiming timing) : timing_(timing) {}

  // What suspects are asked for together.
  struct Share {
    std::vector<std::string> identities;
    Namespaces namespaces;
    bool is_all = true;     // that is wanted of these namespaces
    bool is_again = false;  // nothing that was not refused before
  };

  // Before which the identity is not asked for; the past when there is no reason to wait.
  base::SteadyTime ready_at(std::string_view identity, const Namespaces& namespaces) const;
  bool is_suspect(std::string_view identity, const Namespaces& namespaces) const;
  // The next share of suspects that are ready; not empty when they are not.
  Share share_of(const Wanted& suspects) const;

  // The outcome of one request for `asked`; `share` when they were a share of suspects.
  void attached(const std::string& identity) { bad_.erase(identity); }
  void refused(const std::vector<std::string>& identities, const Wanted& asked, base::SteadyTime now);
  // Azure refused them together and does not say because of which.
  void undecided(const std::vector<std::string>& identities, const Wanted& asked, const Share& share,
                 base::SteadyTime now);
  void all_went_well(const Share& share);

  // What nobody has wanted for a while.
  void forget(base::SteadyTime now);
  std::size_t bad_identities() const { return bad_.size(); }

 private:
  struct Bad {
    base::SteadyTime until;
    base::Duration delay;
  };
  struct Doubt {
    std::size_t at_once = std::numeric_limits<std::size_t>::max();  // so many of its identities are asked for together
    std::size_t strikes = 0;                                        // refused identities, less requests that went well
    base::SteadyTime until = base::SteadyTime::min();
    base::Duration pause{0};
    base::SteadyTime last{};  // refusal
  };

  RefusalTiming timing_;
  std::map<std::string, Bad, std::less<>> bad_;       // by identity
  std::map<std::string, Doubt, std::less<>> doubts_;  // by namespace
  // So many namespaces of which nothing was refused by itself are asked for together.
  std::size_t together_ = std::numeric_limits<std::size_t>::max();
};

}  // namespace podid::mic
