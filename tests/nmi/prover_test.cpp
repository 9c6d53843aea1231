// SPDX-License-Identifier: Apache-2.0
// The prober's side of the proof (SEC-13), against an NMI's real socket.
#include "nmi/prover.hpp"

#include <thread>

#include "nmi/request/request_fixture.hpp"

namespace podid::nmi {
namespace {

class ProverTest : public test::RequestFixture {
 protected:
  ProverTest() {
    options.hosts.emplace_back("127.0.0.1");
    start();
  }
  // Its call blocks, so it has a thread; this one serves it.
  std::string asks() {
    const ProverOptions to{.address = "127.0.0.1", .port = endpoint.port()};
    std::optional<std::string> failed;
    std::thread prober([&] {
      std::string answer = ask_for_proof(to);
      base::asio::post(io, [&failed, answer = std::move(answer)] { failed = answer; });
    });
    EXPECT_TRUE(test::run_until(io, [&] { return failed.has_value(); }));
    prober.join();
    return failed.value_or("");
  }
};

TEST_F(ProverTest, KnowsTheNmiByItsAnswer) {
  core::Pod prober = test::make_pod("podid-system", "podid-prober-x7");
  prober.labels["component"] = "podid-prober";
  prober.pod_ips = {"127.0.0.1"};
  put(prober);
  publish();
  EXPECT_EQ(asks(), "");
  EXPECT_EQ(asks(), "") << "each time with another nonce";
  EXPECT_EQ(proof.look(*builder.build(), clock.steady_now()), RedirectProof::State::proven);
}

TEST_F(ProverTest, SaysWhatElseAnswered) {
  EXPECT_EQ(asks(), "not the NMI's answer: HTTP/1.1 403 Forbidden");
  EXPECT_TRUE(ask_for_proof({.address = "127.0.0.1", .port = 1}).contains("refused"));
  EXPECT_TRUE(ask_for_proof({.address = "imds"}).contains("not an address"));
}

TEST_F(ProverTest, WrongArgumentsAreRefused) {
  std::vector<std::string> words{"nmi", "prove", "--forever"};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  EXPECT_EQ(run_prover(static_cast<int>(argv.size()), argv.data()), 2);
}

}  // namespace
}  // namespace podid::nmi
