// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <map>
#include <source_location>

#include "base/text.hpp"
#include "kube/config.hpp"

namespace podid::kube {
namespace {

using base::ErrorKind;

// A kubeconfig with one cluster, user and context, as its parts say, and the files beside it.
struct File {
  std::string cluster = "{server: 'https://10.0.0.1:6443'}";
  std::string user = "{token: abc}";
  std::string context = "{cluster: c, user: u}";
  std::map<std::string, std::string> others = {};

  std::string text() const {
    return "apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters:\n- name: c\n  cluster: " + cluster +
           "\nusers:\n- name: u\n  user: " + user + "\ncontexts:\n- name: x\n  context: " + context + "\n";
  }
};

base::Result<ClusterConfig> parse(const File& file, std::string_view context = {}) {
  return parse_kubeconfig(file.text(), "/etc/k/config", context,
                          [&](const std::string& path) -> base::Result<std::string> {
                            const auto found = file.others.find(path);
                            if (found == file.others.end()) {
                              return base::fail(ErrorKind::not_found, "cannot open " + path);
                            }
                            return found->second;
                          });
}

void expect_error(const File& file, ErrorKind kind, std::string_view part,
                  const std::source_location& where = std::source_location::current()) {
  const testing::ScopedTrace trace(where.file_name(), static_cast<int>(where.line()), "called here");
  const auto config = parse(file);
  ASSERT_FALSE(config.has_value());
  EXPECT_EQ(config.error().kind, kind);
  EXPECT_TRUE(config.error().message.starts_with("kubeconfig /etc/k/config: ")) << config.error().message;
  EXPECT_TRUE(config.error().message.contains(part)) << config.error().message;
}

TEST(Kubeconfig, ReadsServerTokenAndNamespace) {
  const auto config = parse({.cluster = "{server: 'https://API.example:6443/prefix/', tls-server-name: other}",
                             .context = "{cluster: c, user: u, namespace: shop}"});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server.to_string(), "https://api.example:6443/prefix");
  EXPECT_EQ(config->tls.server_name, "other");
  EXPECT_EQ(config->token.reveal(), "abc");
  EXPECT_EQ(config->default_namespace, "shop");
  EXPECT_EQ(config->origin, "kubeconfig /etc/k/config, context x");
}

TEST(Kubeconfig, InlineDataWinsOverFiles) {
  const auto config = parse({.cluster = "{server: 'https://h', certificate-authority: missing.pem, "
                                        "certificate-authority-data: " +
                                        base::base64("CA") + "}",
                             .user = "{client-certificate-data: " + base::base64("CERT") +
                                     ", client-key-data: " + base::base64("KEY") + "}"});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->tls.ca_pem, "CA");
  EXPECT_EQ(config->tls.client_certificate_pem, "CERT");
  EXPECT_EQ(config->tls.client_key_pem.reveal(), "KEY");
}

TEST(Kubeconfig, RelativeFilesAreBesideTheKubeconfig) {
  const auto config = parse({.cluster = "{server: 'https://h', certificate-authority: ca.pem}",
                             .user = "{client-certificate: sub/cert.pem, client-key: /abs/key.pem, tokenFile: t}",
                             .others = {{"/etc/k/ca.pem", "CA"},
                                        {"/etc/k/sub/cert.pem", "CERT"},
                                        {"/abs/key.pem", "KEY"},
                                        {"/etc/k/t", "token\n"}}});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->tls.ca_pem, "CA");
  EXPECT_EQ(config->tls.client_certificate_pem, "CERT");
  EXPECT_EQ(config->tls.client_key_pem.reveal(), "KEY");
  EXPECT_EQ(config->token_file, "/etc/k/t");
}

TEST(Kubeconfig, AnotherContextCanBeChosen) {
  const auto config = parse({}, "y");
  ASSERT_FALSE(config);
  EXPECT_TRUE(config.error().message.contains("contexts: there is no entry named \"y\"")) << config.error().message;
}

TEST(Kubeconfig, ErrorsNameTheFieldAndTheRemedy) {
  expect_error({.cluster = "{}"}, ErrorKind::invalid, "clusters[c].cluster.server: is not set");
  expect_error({.cluster = "{server: 'no url'}"}, ErrorKind::invalid, "clusters[c].cluster.server: ");
  expect_error({.cluster = "{server: [1]}"}, ErrorKind::invalid, "clusters[c].cluster.server: must be a text");
  expect_error({.cluster = "text"}, ErrorKind::invalid, "clusters[c].cluster: must be a mapping");
  expect_error({.cluster = "{server: 'https://h', certificate-authority-data: '?'}"}, ErrorKind::invalid,
               "clusters[c].cluster.certificate-authority-data: is not base64");
  expect_error({.cluster = "{server: 'https://h', certificate-authority: ca.pem}"}, ErrorKind::not_found,
               "clusters[c].cluster.certificate-authority: cannot open /etc/k/ca.pem");
  expect_error({.cluster = "{server: 'https://h', certificate-authority-data: QQ==, insecure-skip-tls-verify: true}"},
               ErrorKind::invalid, "insecure-skip-tls-verify: contradicts");
  expect_error({.cluster = "{server: 'https://h', insecure-skip-tls-verify: maybe}"}, ErrorKind::invalid,
               "must be true or false");
  expect_error({.user = "{client-certificate-data: QQ==}"}, ErrorKind::invalid, "users[u].user.client-key: is not set");
  expect_error({.user = "{token: 'a b'}"}, ErrorKind::invalid, "users[u].user.token: ");
  expect_error({.context = "{user: u}"}, ErrorKind::invalid, "contexts[x].context.cluster: is not set");
  expect_error({.context = "{cluster: other, user: u}"}, ErrorKind::invalid,
               "clusters: there is no entry named \"other\"");
}

TEST(Kubeconfig, WhatCannotBeHonouredIsRefusedByName) {
  expect_error({.cluster = "{server: 'https://h', proxy-url: 'http://proxy'}"}, ErrorKind::unsupported,
               "clusters[c].cluster.proxy-url: proxies are not supported");
  expect_error({.user = "{exec: {command: kubelogin}}"}, ErrorKind::unsupported,
               "users[u].user.exec: credential plugins are not supported: use token");
  expect_error({.user = "{auth-provider: {name: azure}}"}, ErrorKind::unsupported, "users[u].user.auth-provider");
  expect_error({.user = "{username: a, password: b}"}, ErrorKind::unsupported, "user name and password");
  expect_error({.user = "{as: somebody}"}, ErrorKind::unsupported, "impersonation");
}

TEST(Kubeconfig, RefusesBrokenFiles) {
  const ReadFile none = [](const std::string& path) { return base::fail(ErrorKind::not_found, path); };
  for (const std::string_view text : {"", "[1, 2]", "a: [", "current-context: x\ncontexts: 5\n", "\x01"}) {
    const auto config = parse_kubeconfig(text, "f", {}, none);
    ASSERT_FALSE(config.has_value()) << text;
    EXPECT_EQ(config.error().kind, ErrorKind::invalid) << text;
  }
  const auto config = parse_kubeconfig("contexts: []\n", "f", {}, none);
  ASSERT_FALSE(config.has_value());
  EXPECT_TRUE(config.error().message.contains("kubectl config use-context")) << config.error().message;
}

}  // namespace
}  // namespace podid::kube
