// SPDX-License-Identifier: Apache-2.0
// The path of a cached token allocates at most a handful of times.
#include <gtest/gtest.h>

#include "nmi/request/request_fixture.hpp"
#include "support/allocation_counter.hpp"
#include "support/temporary_folder.hpp"

namespace podid::nmi {
namespace {

class FixedRequest final : public net::ServerRequest {
 public:
  explicit FixedRequest(std::string target) : target_(std::move(target)) {}
  std::string_view method() const override { return "GET"; }
  std::string_view target() const override { return target_; }
  std::optional<std::string_view> header(std::string_view name) const override {
    if (name == "metadata") return "true";
    return std::nullopt;
  }
  void each_header(const std::function<void(std::string_view, std::string_view)>&) const override {}
  bool http_1_0() const override { return false; }
  const boost::asio::ip::tcp::endpoint& peer() const override { return peer_; }
  const boost::asio::ip::tcp::endpoint& local() const override { return peer_; }
  bool has_body() const override { return false; }
  base::Task<base::Result<std::string>> read_body(net::Deadline) override { co_return std::string(); }
  base::Task<base::Result<std::string>> read_body_some(net::Deadline) override { co_return std::string(); }

 private:
  std::string target_;
  boost::asio::ip::tcp::endpoint peer_{boost::asio::ip::make_address("127.0.0.5"), 1};
};

class CountedResponse final : public net::ServerResponse {
 public:
  void header(std::string_view, std::string_view) override {}
  void send(int sent, std::string_view, std::string_view) override { status = sent; }
  base::Task<base::Result<>> start(int) override { co_return base::Result<>{}; }
  base::Task<base::Result<>> write(std::string_view) override { co_return base::Result<>{}; }
  base::Task<base::Result<>> finish() override { co_return base::Result<>{}; }
  bool answered() const override { return status != 0; }
  void pause_after(std::chrono::milliseconds) override {}
  void close_after() override {}
  void drop() override {}
  int status = 0;
};

class AllocationTest : public test::RequestFixture {};

TEST_F(AllocationTest, ACachedTokenCostsAHandful) {
  publish_usual();
  const std::string path = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=";
  const std::pair<std::string, std::size_t> cases[] = {{path + "https://vault.azure.net", 0},
                                                       // Decoding takes two.
                                                       {path + "https%3A%2F%2Fvault.azure.net", 2}};
  for (const auto& [target, most] : cases) {
    ASSERT_EQ(ask(target).status, 200);
    FixedRequest request(target);
    CountedResponse response;
    ASSERT_TRUE(handler->try_handle(request, response));  // buffers grow once
    const std::size_t before = test::allocations();
    ASSERT_TRUE(handler->try_handle(request, response));
    EXPECT_LE(test::allocations() - before, most) << target;
    EXPECT_EQ(response.status, 200);
  }
}

TEST_F(AllocationTest, ItsRecordCostsNone) {
  const test::TemporaryFolder folder;
  AuditTrailOptions audit_options;
  audit_options.writer.log.path = folder.file("audit.log");
  audit_options.writer.ring_folder = folder.file("rings");
  audit_options.writer.process = "p1";
  const auto trail = AuditTrail::make(std::move(audit_options), clock, metrics, {});
  ASSERT_TRUE(trail);
  audit.attach(**trail, 0);
  publish_usual();
  ASSERT_EQ(ask(test::kTokenPath).status, 200);
  FixedRequest request(test::kTokenPath);
  CountedResponse response;
  ASSERT_TRUE(handler->try_handle(request, response));  // buffers grow once
  const std::size_t before = test::allocations();
  ASSERT_TRUE(handler->try_handle(request, response));
  EXPECT_EQ(test::allocations() - before, 0u);
  EXPECT_EQ((*trail)->ring(0).fill() > 0, true);
}

// docs/design/access.md §4.
TEST_F(AllocationTest, ACachedTokenOfATimeBoxedBindingCostsNoMore) {
  publish_usual();
  core::AzureIdentityBinding binding = test::make_binding("shop", "reader-binding", "reader");
  core::Access& access = binding.access.emplace();
  access.not_after = clock.wall_now() + std::chrono::hours(1);
  access.grant = core::GrantTerms{.max_duration = std::chrono::hours(4), .approvals = 0};
  core::AzureIdentityGrant grant;
  grant.meta.ns = "shop";
  grant.meta.name = grant.meta.uid = "inc-1";
  grant.meta.creation_timestamp = "2027-01-15T08:00:00Z";
  grant.binding = "reader-binding";
  grant.duration = std::chrono::hours(2);
  grant.requested_by = "alice";
  builder.put(std::make_shared<const core::AzureIdentityBinding>(binding));
  builder.put(std::make_shared<const core::AzureIdentityGrant>(grant));
  builder.set_grant_policies({.problem = "", .count_from = clock.wall_now() - std::chrono::hours(1)});
  publish();
  const std::string target = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net";
  ASSERT_EQ(ask(target).status, 200);
  FixedRequest request(target);
  CountedResponse response;
  ASSERT_TRUE(handler->try_handle(request, response));  // buffers grow once
  const std::size_t before = test::allocations();
  ASSERT_TRUE(handler->try_handle(request, response));
  EXPECT_EQ(test::allocations() - before, 0U);
  EXPECT_EQ(response.status, 200);
}

}  // namespace
}  // namespace podid::nmi
