// SPDX-License-Identifier: Apache-2.0
// The real kubectl against the embedded server, with nothing but a kubeconfig: over TLS, with a token.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "base/process.hpp"
#include "lab/apiserver/api_server.hpp"
#include "lab/apiserver/wire/kubeconfig.hpp"
#include "support/run_task.hpp"
#include "support/temporary_folder.hpp"
#include "support/test_certificates.hpp"

namespace podid::lab::apiserver {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kManifest = R"(
apiVersion: v1
kind: Pod
metadata: {name: web-0, labels: {app: web, aadpodidbinding: kv}}
spec:
  nodeName: node-a
  containers: [{name: app, image: "nginx:1", ports: [{containerPort: 80}]}]
---
apiVersion: v1
kind: Node
metadata: {name: node-a, labels: {node-role.kubernetes.io/worker: ""}}
spec: {providerID: "azure:///subscriptions/s"}
---
apiVersion: aadpodidentity.k8s.io/v1
kind: AzureIdentity
metadata: {name: reader}
spec: {type: 0, clientID: c-1, resourceID: /subscriptions/s}
---
apiVersion: aadpodidentity.k8s.io/v1
kind: AzureIdentityBinding
metadata: {name: reader-binding}
spec: {azureIdentity: reader, selector: kv}
---
apiVersion: v1
kind: Secret
metadata: {name: secret}
stringData: {clientSecret: hunter2}
)";

constexpr std::string_view kEvent = R"(
apiVersion: v1
kind: Event
metadata: {name: issued.1}
involvedObject: {apiVersion: aadpodidentity.k8s.io/v1, kind: AzureIdentityBinding, name: reader-binding, namespace: default, uid: UID}
reason: TokenIssued
message: a token for web-0
type: Normal
source: {component: nmi}
firstTimestamp: "2026-01-01T00:00:00Z"
lastTimestamp: "2026-01-01T00:00:00Z"
count: 1
)";

class KubectlTest : public testing::Test {
 protected:
  struct Outcome {
    int code = -1;
    std::string output;  // of both streams
  };

  void SetUp() override {
    const test::TestCa ca;
    const test::TestCertificate leaf = ca.issue({"127.0.0.1"});
    ApiServerOptions options;
    options.tls =
        net::TlsServerOptions{.certificate_chain_pem = leaf.certificate_pem, .key_pem = base::Secret(leaf.key_pem)};
    options.tokens.push_back({.token = base::Secret("kubectl-token"), .user = "operator"});
    server_ = std::make_unique<ApiServer>(io_.get_executor(), clock_, random_, std::move(options));
    ASSERT_TRUE(server_->start());
    const std::string config = make_kubeconfig(server_->url(), ca.certificate_pem(), base::Secret("kubectl-token"));
    ASSERT_TRUE(base::write_file(folder_.file("kubeconfig"), config, 0600));
  }
  void TearDown() override { test::run_task(io_, server_->stop()); }

  Outcome kubectl(std::vector<std::string> arguments, std::string_view input = {}) {
    std::vector<std::string> command{"env", "HOME=" + folder_.path(), "KUBECONFIG=" + folder_.file("kubeconfig"),
                                     "kubectl"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    auto result = test::run_task(io_, base::run_process(std::move(command), std::string(input), test::kNever));
    EXPECT_TRUE(result) << (result ? "" : result.error().message);
    if (!result) return {};
    return {.code = result->exit_code, .output = result->output + result->error_output};
  }
  // The output of a command that has to succeed.
  std::string ok(std::vector<std::string> arguments, std::string_view input = {}) {
    const Outcome outcome = kubectl(std::move(arguments), input);
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    return outcome.output;
  }
  void apply_everything() {
    ok({"apply", "-f", PODID_SOURCE_DIR "/deploy/crds"});
    ok({"wait", "--for=condition=established", "--timeout=20s", "crd", "--all"});
    ok({"apply", "-f", "-"}, kManifest);
  }

  base::asio::io_context io_{1};
  base::RealClock clock_;
  base::SystemRandom random_;
  test::TemporaryFolder folder_;
  std::unique_ptr<ApiServer> server_;
};

TEST_F(KubectlTest, AppliesAndShows) {
  apply_everything();
  EXPECT_THAT(ok({"apply", "-f", PODID_SOURCE_DIR "/deploy/crds"}), Not(HasSubstr("configured")));
  EXPECT_THAT(ok({"get", "pods", "-o", "wide"}), HasSubstr("web-0   0/1     Pending"));
  EXPECT_THAT(ok({"get", "nodes"}), HasSubstr("worker"));
  EXPECT_THAT(ok({"get", "azureidentities"}), HasSubstr("NAME     TYPE   CLIENTID   VALID   AGE\nreader   0      c-1"));
  EXPECT_THAT(ok({"get", "azureidentitybinding"}), HasSubstr("reader-binding   reader          kv"));
  EXPECT_THAT(ok({"get", "secret,crd", "-A"}), HasSubstr("azureassignedidentities.aadpodidentity.k8s.io"));
  EXPECT_THAT(ok({"get", "pod", "web-0", "-o", "yaml"}), HasSubstr("dnsPolicy: ClusterFirst"));
  EXPECT_THAT(ok({"get", "pods", "-o", "json"}), HasSubstr("\"kind\": \"List\""));
  EXPECT_THAT(ok({"get", "pods", "-l", "app in (web)", "--field-selector", "spec.nodeName=node-a", "-o", "name"}),
              HasSubstr("pod/web-0"));
  EXPECT_THAT(ok({"api-resources"}), HasSubstr("azurepodidentityexceptions"));
  EXPECT_THAT(ok({"explain", "azureidentity.spec.resourceID"}), HasSubstr("ARM resource ID"));
  EXPECT_THAT(ok({"auth", "can-i", "create", "pods"}), HasSubstr("yes"));
  EXPECT_THAT(ok({"auth", "whoami"}), HasSubstr("operator"));
}

TEST_F(KubectlTest, TakesTheExamplesOfAccess) {
  ok({"apply", "-f", PODID_SOURCE_DIR "/deploy/crds"});
  ok({"wait", "--for=condition=established", "--timeout=20s", "crd", "--all"});
  ok({"create", "namespace", "shop"});
  EXPECT_THAT(ok({"apply", "-f", PODID_SOURCE_DIR "/deploy/examples/access-windows.yaml"}),
              HasSubstr("azureidentitybinding.aadpodidentity.k8s.io/store-reader-at-night created"));
  EXPECT_THAT(ok({"get", "azidb", "-n", "shop", "store-reader-at-night", "-o", "jsonpath={.spec.access.windows[0]}"}),
              HasSubstr(R"("start":"00:00")"));
}

TEST_F(KubectlTest, TakesAnInstallation) {
  for (const char* profile : {"/deploy/strict", "/deploy/rbac"}) {
    const std::vector<std::string> apply{"apply", "-f", PODID_SOURCE_DIR "/deploy/crds", "-f",
                                         std::string(PODID_SOURCE_DIR) + profile};
    EXPECT_THAT(ok(apply), HasSubstr("clusterrole.rbac.authorization.k8s.io/"));
    EXPECT_THAT(ok(apply), Not(HasSubstr("configured"))) << "the second time";
  }
  EXPECT_EQ(ok({"get", "daemonset", "nmi", "-n", "podid-node", "-o", "jsonpath={.spec.template.spec.hostNetwork}"}),
            "true");
  EXPECT_THAT(ok({"get", "networkpolicies,deployments", "-n", "podid-system"}), HasSubstr("mic"));
  // What is in its namespaces goes with them.
  EXPECT_THAT(ok({"delete", "-f", PODID_SOURCE_DIR "/deploy/strict", "--ignore-not-found", "--timeout=20s"}),
              HasSubstr("namespace \"podid-node\" deleted"));
  EXPECT_THAT(kubectl({"get", "daemonset", "nmi", "-n", "podid-node"}).output, HasSubstr("NotFound"));
}

TEST_F(KubectlTest, ApplyUpdates) {
  apply_everything();
  std::string changed(kManifest);
  changed.replace(changed.find("nginx:1"), 7, "nginx:2");
  changed.replace(changed.find("c-1"), 3, "c-2");
  const std::string output = ok({"apply", "-f", "-"}, changed);
  EXPECT_THAT(output, HasSubstr("pod/web-0 configured"));
  EXPECT_THAT(output, HasSubstr("reader configured"));
  EXPECT_THAT(output, HasSubstr("node/node-a unchanged"));
  EXPECT_EQ(ok({"get", "pod", "web-0", "-o", "jsonpath={.spec.containers[0].image}"}), "nginx:2");
  EXPECT_THAT(ok({"apply", "--server-side", "-f", "-"}, changed), HasSubstr("serverside-applied"));
  EXPECT_THAT(ok({"apply", "--dry-run=server", "-f", "-"}, changed), HasSubstr("(server dry run)"));
}

TEST_F(KubectlTest, ApplyIsToldOfMistakes) {
  ok({"apply", "-f", PODID_SOURCE_DIR "/deploy/crds"});
  const auto mistake = [&](std::string_view spec) {
    const Outcome outcome =
        kubectl({"apply", "-f", "-"},
                "---\n{apiVersion: aadpodidentity.k8s.io/v1, kind: AzureIdentity, metadata: {name: x}, spec: " +
                    std::string(spec) + "}");
    EXPECT_NE(outcome.code, 0);
    return outcome.output;
  };
  EXPECT_THAT(mistake("{clientId: c}"), HasSubstr(R"(unknown field "spec.clientId")"));
  EXPECT_THAT(mistake("{type: '0'}"), HasSubstr("spec.type in body must be of type integer"));
}

TEST_F(KubectlTest, DescribesWithEvents) {
  apply_everything();
  // kubectl describe asks for the events of exactly this object.
  std::string event(kEvent);
  event.replace(event.find("UID"), 3,
                ok({"get", "azureidentitybinding", "reader-binding", "-o", "jsonpath={.metadata.uid}"}));
  ok({"create", "-f", "-"}, event);
  EXPECT_THAT(ok({"describe", "pod", "web-0"}), HasSubstr("nginx:1"));
  EXPECT_THAT(ok({"describe", "node", "node-a"}), HasSubstr("web-0"));
  EXPECT_THAT(ok({"describe", "azureidentitybinding", "reader-binding"}), HasSubstr("TokenIssued"));
  EXPECT_THAT(ok({"events"}), HasSubstr("a token for web-0"));
  EXPECT_THAT(ok({"get", "events"}), HasSubstr("azureidentitybinding/reader-binding"));
}

TEST_F(KubectlTest, ChangesObjects) {
  apply_everything();
  ok({"label", "pod", "web-0", "tier=front"});
  ok({"annotate", "pod", "web-0", "note=hello"});
  EXPECT_EQ(ok({"get", "pod", "web-0", "-o", "jsonpath={.metadata.labels.tier} {.metadata.annotations.note}"}),
            "front hello");
  ok({"label", "pod", "web-0", "tier-"});
  ok({"patch", "pod", "web-0", "-p", R"({"spec":{"containers":[{"name":"app","image":"nginx:3"}]}})"});
  ok({"patch", "azureidentity", "reader", "--type=merge", "-p", R"({"spec":{"tenantID":"t"}})"});
  ok({"patch", "azureidentity", "reader", "--type=json", "-p",
      R"([{"op":"test","path":"/spec/tenantID","value":"t"},{"op":"replace","path":"/spec/tenantID","value":"u"}])"});
  EXPECT_EQ(ok({"get", "azureidentity", "reader", "-o", "jsonpath={.spec.tenantID}"}), "u");
  ok({"cordon", "node-a"});
  ok({"taint", "node", "node-a", "startup.aadpodidentity.k8s.io/nmi=x:NoSchedule"});
  EXPECT_THAT(ok({"get", "nodes"}), HasSubstr("SchedulingDisabled"));
}

TEST_F(KubectlTest, CreatesTypedObjects) {
  ok({"create", "namespace", "shop"});
  ok({"create", "configmap", "settings", "--from-literal=a=b", "-n", "shop"});
  ok({"create", "secret", "generic", "password", "--from-literal=clientSecret=x", "-n", "shop"});
  ok({"create", "serviceaccount", "robot", "-n", "shop"});
  EXPECT_EQ(ok({"get", "secret", "password", "-n", "shop", "-o", "jsonpath={.data.clientSecret}"}), "eA==");
  EXPECT_THAT(ok({"delete", "namespace", "shop", "--timeout=20s"}), HasSubstr("deleted"));
  EXPECT_THAT(kubectl({"get", "namespace", "shop"}).output, HasSubstr("NotFound"));
}

TEST_F(KubectlTest, WaitsAndDeletes) {
  apply_everything();
  ok({"patch", "pod", "web-0", "--subresource=status", "--type=merge", "-p",
      R"({"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}})"});
  EXPECT_THAT(ok({"wait", "--for=condition=Ready", "pod/web-0", "--timeout=20s"}), HasSubstr("condition met"));
  EXPECT_THAT(ok({"wait", "--for=jsonpath={.status.phase}=Running", "pod/web-0", "--timeout=20s"}),
              HasSubstr("condition met"));
  EXPECT_THAT(ok({"delete", "pod", "web-0", "--timeout=20s"}), HasSubstr("deleted"));
  EXPECT_THAT(ok({"wait", "--for=delete", "pod/web-0", "--timeout=20s"}), Not(HasSubstr("error")));
  EXPECT_THAT(ok({"delete", "azureidentities,azureidentitybindings", "--all", "--timeout=20s"}),
              HasSubstr("reader-binding"));
  EXPECT_THAT(ok({"delete", "-f", PODID_SOURCE_DIR "/deploy/crds", "--timeout=20s"}), HasSubstr("deleted"));
}

TEST_F(KubectlTest, Watches) {
  apply_everything();
  // A watch ends with the server's timeout; kubectl passes --request-timeout on as timeoutSeconds.
  EXPECT_THAT(kubectl({"get", "pods", "-w", "--request-timeout=2s"}).output, HasSubstr("web-0"));
  EXPECT_THAT(
      kubectl({"get", "pods", "--watch-only", "--output-watch-events", "-o", "json", "--request-timeout=1s"}).output,
      Not(HasSubstr("rror")));
}

}  // namespace
}  // namespace podid::lab::apiserver
