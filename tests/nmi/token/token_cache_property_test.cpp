// SPDX-License-Identifier: Apache-2.0
// Whatever tenants write into AzureIdentities and pods into requests: an answer is of the very question that was asked, never
// of another one whose key looks alike.
#include <gtest/gtest.h>

#include <set>

#include "base/text.hpp"
#include "nmi/fake_token_source.hpp"
#include "nmi/token/token_cache.hpp"
#include "support/fake_clock.hpp"
#include "support/run_task.hpp"
#include "support/seeded_random.hpp"

namespace podid::nmi {
namespace {

constexpr int kQuestions = 20'000;
// What could be taken for lengths, separators and ends of a key.
const std::vector<std::string> kTexts = {"",   "a",    "b", "1:",        "1:a",          "1:a1:b",
                                         "0:", "2:sp", ":", "new token", "10:namespaced"};

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  TokenRequest request() {
    TokenRequest request;
    request.credential = std::make_shared<const Credential>(credential());
    request.resource = text();
    for (std::size_t n = random_.below(3); n > 0; --n) request.extra.emplace_back("xms_cc", text());
    return request;
  }

 private:
  std::string text() { return kTexts[random_.below(kTexts.size())]; }
  // Mostly one that has others beside it.
  std::string rarely() { return random_.below(6) == 0 ? text() : ""; }

  Credential credential() {
    switch (random_.below(4)) {
      case 0:
        return node_credential(Credential::For::excepted, core::ClientIdView(text()), core::ResourceIdView(text()),
                               core::ObjectIdView(text()));
      case 1: {
        core::AzureIdentity identity = test::make_identity("shop", "reader");
        identity.client_id = core::ClientId(text());
        identity.resource_id = core::ResourceId(text());
        return credential_of(identity);
      }
      default: {
        core::AzureIdentity identity = test::make_identity("shop", "reader");
        identity.type = random_.below(3) == 0 ? core::IdentityType::service_principal_certificate
                                              : core::IdentityType::service_principal_secret;
        identity.meta.name = rarely();
        identity.client_id = core::ClientId(rarely());
        identity.tenant_id = rarely();
        identity.ad_endpoint = rarely();
        identity.client_password = {rarely(), rarely()};
        for (std::size_t n = random_.below(4); n > 0; --n) identity.auxiliary_tenant_ids.push_back(text());
        return credential_of(identity);
      }
    }
  }

  test::SeededRandom random_;
};

// The question itself, field by field, as text that only an equal one has.
std::string question(const TokenRequest& request) {
  std::string all;
  const auto add = [&all](std::string_view name, std::string_view value) {
    all.append(name).append("=").append(base::go_quote(value)).append(" ");
  };
  const Credential& c = *request.credential;
  add("whom", std::to_string(static_cast<int>(c.whom)));
  add("type", std::to_string(static_cast<std::int64_t>(c.type)));
  const bool managed = c.type == core::IdentityType::user_assigned;
  add("client", managed ? base::to_lower(c.client_id.text()) : c.client_id.text());
  add("resource id", base::to_lower(c.resource_id.text()));
  add("object", base::to_lower(c.object_id.text()));
  if (!managed) {
    add("identity", c.identity.text());
    add("tenant", c.tenant_id);
    add("directory", c.directory);
    add("secret", c.secret.ns + " " + c.secret.name);
    for (const std::string& tenant : c.auxiliary_tenant_ids) add("auxiliary", tenant);
  }
  add("for", request.resource);
  for (const auto& [name, value] : request.extra) add(name, value);
  return all;
}

TEST(TokenCacheKeys, NoQuestionGetsTheAnswerOfAnother) {
  base::asio::io_context io{1};
  test::FakeClock clock;
  test::SeededRandom random(1);
  base::MetricsRegistry metrics;
  test::FakeTokenSource source(io.get_executor(), clock);
  source.answer = [&clock](const TokenRequest& request) -> test::FakeTokenSource::Answer {
    return std::vector{test::make_token(base::hex(question(request)), 86400, clock.wall_now())};
  };
  TokenCache cache(io.get_executor(), {.max_entries = 2 * kQuestions, .pod_rate = 0}, source, clock, random, metrics);
  Generator generator(20261128);
  std::set<std::string> different;
  for (int n = 0; n < kQuestions; ++n) {
    const TokenRequest request = generator.request();
    different.insert(question(request));
    TokenWant want;
    want.request = request;
    want.new_token = n % 5 == 0;
    std::string got;
    cache.get(std::move(want), [&](const TokenResult& result) {
      if (result.token) result.token->text.append_answer(got, clock.wall_now());
    });
    io.restart();
    io.poll();
    ASSERT_TRUE(got.contains("\"" + base::hex(question(request)) + "\"")) << question(request) << "\n" << got;
  }
  EXPECT_GT(different.size(), 1000u);
  EXPECT_LT(different.size(), static_cast<std::size_t>(kQuestions)) << "some are asked twice";
  test::run_task(io, cache.stop());
}

}  // namespace
}  // namespace podid::nmi
