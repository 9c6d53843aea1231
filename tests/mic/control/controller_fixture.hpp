// SPDX-License-Identifier: Apache-2.0
// A controller with its neighbours in memory, and a small language for what happens around it.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mic/control/controller.hpp"
#include "mic/control/fakes.hpp"
#include "support/fake_clock.hpp"
#include "support/run_task.hpp"
#include "support/seeded_random.hpp"
#include "zones/time_zones.hpp"

namespace podid::test {

inline constexpr std::string_view kVmNode =
    "azure:///subscriptions/sub/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm-";
inline constexpr std::string_view kVmssNode =
    "azure:///subscriptions/sub/resourceGroups/rg/providers/Microsoft.Compute/virtualMachineScaleSets/set/"
    "virtualMachines/";

// "/subscriptions/…/userAssignedIdentities/<name>", lower case.
std::string identity_id(std::string_view name);
// Keys of core::ComputeTarget.
std::string vm(std::string_view name);
std::string vmss();

struct PodSpec {
  std::string name;
  std::string node = "node-a";
  std::string label = "app";
  std::string ns = "default";
  std::string uid = {};  // empty: made of the name
  std::string phase = "Running";
};

class ControllerFixture : public ::testing::Test {
 public:
  ControllerFixture();
  ~ControllerFixture() override;

  // ---- the world; each tells a running controller at once ----
  void node(const std::string& name, const std::string& provider_id);
  void vm_node(const std::string& name);    // on VM "vm-<name>"
  void vmss_node(const std::string& name);  // an instance of the scale set
  void remove_node(const std::string& name);
  void pod(PodSpec spec);
  void remove_pod(const std::string& name, const std::string& ns = "default");
  void identity(const std::string& name, const std::string& resource, const std::string& client = "",
                core::IdentityType type = core::IdentityType::user_assigned, const std::string& ns = "default");
  void remove_identity(const std::string& name, const std::string& ns = "default");
  void binding(const std::string& name, const std::string& identity, const std::string& selector = "app",
               const std::string& ns = "default", std::optional<core::Access> access = {});
  void remove_binding(const std::string& name, const std::string& ns = "default");
  // node-a on a VM, identity "id" on resource "one", a binding to label "app".
  void usual_cluster();

  // ---- the controller ----
  void start();
  // As after a crash: nothing of its memory is left; everything is told to a new one.
  void restart();
  // Until nothing is left to do without time going on.
  void settle();
  // Lets the event loop run without delivering events of the watch.
  void run();
  void advance(base::Duration time);

  std::vector<std::string> states() const { return api.states(); }
  std::vector<std::string> event_messages() const;
  std::vector<std::string> event_messages(std::string_view reason) const;

  base::asio::io_context io;
  FakeClock clock;
  SeededRandom random;
  zones::TimeZones zones_here;
  base::MetricsRegistry registry;
  mic::MicMetrics metrics{registry};
  FakeAssignedApi api;
  FakeAzure azure{io.get_executor()};
  mic::ControllerOptions options;
  std::vector<kube::EventKey> events;
  std::unique_ptr<mic::Controller> controller;
  bool deliver_watch = true;

 private:
  void make_controller();
  void tell_everything();
  void stop();
  base::Task<> stop_controller();
  bool deliver_one();
  std::string next_version() { return std::to_string(++version_); }

  std::map<std::string, core::Node> nodes_;
  std::map<std::string, core::Pod> pods_;
  std::map<std::string, core::AzureIdentity> identities_;
  std::map<std::string, core::AzureIdentityBinding> bindings_;
  int version_ = 0;
};

}  // namespace podid::test
