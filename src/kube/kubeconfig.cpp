// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "base/text.hpp"
#include "kube/config.hpp"
#include "kube/token_source.hpp"

namespace podid::kube {
namespace {

using base::ErrorKind;
using base::Result;

// A mapping of the file, with its path in words for messages.
struct Section {
  YAML::Node node;
  std::string path;

  YAML::Node field(std::string_view name) const {
    if (!node.IsMap()) return YAML::Node(YAML::NodeType::Undefined);
    const YAML::Node& constant = node;  // the other operator[] adds the key
    return constant[std::string(name)];
  }
  bool has(std::string_view name) const {
    const YAML::Node value = field(name);
    return value.IsDefined() && !value.IsNull();
  }
  std::string path_of(std::string_view name) const {
    return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
  }
  std::unexpected<base::Error> wrong(std::string_view name, std::string_view problem,
                                     ErrorKind kind = ErrorKind::invalid) const {
    return base::fail(kind, fmt::format("{}: {}", path_of(name), problem));
  }
  // "" when absent.
  Result<std::string> text(std::string_view name) const {
    if (!has(name)) return std::string();
    const YAML::Node value = field(name);
    if (!value.IsScalar()) return wrong(name, "must be a text");
    return value.Scalar();
  }
  Result<bool> flag(std::string_view name) const {
    Result<std::string> value = text(name);
    if (!value) return std::unexpected(value.error());
    if (value->empty() || *value == "false") return false;
    if (*value == "true") return true;
    return wrong(name, "must be true or false");
  }
};

// The entry of a list of {name, <kind>: {...}} with that name.
Result<Section> named_entry(const Section& root, std::string_view list, std::string_view kind, std::string_view name) {
  const YAML::Node entries = root.field(list);
  if (entries.IsDefined() && entries.IsSequence()) {
    for (const YAML::Node& entry : entries) {
      const Section section{entry, fmt::format("{}[{}]", list, name)};
      const Result<std::string> own_name = section.text("name");
      if (!own_name || *own_name != name) continue;
      if (!section.has(kind)) return Section{YAML::Node(YAML::NodeType::Map), section.path_of(kind)};
      if (!section.field(kind).IsMap()) return section.wrong(kind, "must be a mapping");
      return Section{section.field(kind), section.path_of(kind)};
    }
  }
  return root.wrong(list, fmt::format("there is no entry named {}", base::go_quote(name)));
}

class Reader {
 public:
  Reader(const std::string& path, const ReadFile& read_file)
      : folder_(std::filesystem::path(path).parent_path()), read_file_(read_file) {}

  Result<ClusterConfig> read(const YAML::Node& document, std::string_view context_name) {
    const Section root{document, ""};
    if (!document.IsMap()) return base::fail(ErrorKind::invalid, "the file is empty or not a YAML mapping");
    Result<std::string> context = context_name.empty() ? root.text("current-context") : std::string(context_name);
    if (!context) return std::unexpected(context.error());
    if (context->empty()) {
      return root.wrong("current-context", "is not set: run \"kubectl config use-context NAME\" on this file");
    }
    const Result<Section> chosen = named_entry(root, "contexts", "context", *context);
    if (!chosen) return std::unexpected(chosen.error());
    config_.origin = *context;
    Result<> done = read_context(root, *chosen);
    if (!done) return std::unexpected(std::move(done.error()));
    return std::move(config_);
  }

 private:
  Result<> read_context(const Section& root, const Section& context) {
    const Result<std::string> cluster_name = context.text("cluster");
    if (!cluster_name) return std::unexpected(cluster_name.error());
    if (cluster_name->empty()) return context.wrong("cluster", "is not set: name an entry of clusters");
    const Result<Section> cluster = named_entry(root, "clusters", "cluster", *cluster_name);
    if (!cluster) return std::unexpected(cluster.error());
    if (Result<> done = read_cluster(*cluster); !done) return done;

    const Result<std::string> ns = context.text("namespace");
    if (!ns) return std::unexpected(ns.error());
    if (!ns->empty()) config_.default_namespace = *ns;

    const Result<std::string> user_name = context.text("user");
    if (!user_name) return std::unexpected(user_name.error());
    if (user_name->empty()) return {};  // an anonymous client
    const Result<Section> user = named_entry(root, "users", "user", *user_name);
    if (!user) return std::unexpected(user.error());
    return read_user(*user);
  }

  Result<> read_cluster(const Section& cluster) {
    const Result<std::string> server = cluster.text("server");
    if (!server) return std::unexpected(server.error());
    if (server->empty()) return cluster.wrong("server", "is not set: give the URL of the API server");
    Result<net::Url> url = net::parse_url(*server);
    if (!url) return base::fail(std::move(url.error()), cluster.path_of("server"));
    if (url->target.contains('?')) return cluster.wrong("server", "must not have a query");
    while (url->target.size() > 1 && url->target.ends_with('/')) url->target.pop_back();
    config_.server = std::move(*url);
    if (cluster.has("proxy-url")) {
      return cluster.wrong("proxy-url", "proxies are not supported: give a server address that can be reached directly",
                           ErrorKind::unsupported);
    }
    Result<std::string> name = cluster.text("tls-server-name");
    if (!name) return std::unexpected(name.error());
    config_.tls.server_name = std::move(*name);
    const Result<bool> insecure = cluster.flag("insecure-skip-tls-verify");
    if (!insecure) return std::unexpected(insecure.error());
    config_.tls.insecure_skip_verify = *insecure;
    Result<std::string> ca = data_or_file(cluster, "certificate-authority");
    if (!ca) return std::unexpected(ca.error());
    if (*insecure && !ca->empty()) {
      return cluster.wrong("insecure-skip-tls-verify", "contradicts the certificate authority beside it: remove one");
    }
    config_.tls.ca_pem = std::move(*ca);
    return {};
  }

  Result<> read_user(const Section& user) {
    // What would be ignored silently would end in a refusal that nobody understands.
    struct Unsupported {
      std::string_view field, what;
    };
    static constexpr std::array<Unsupported, 7> kUnsupported = {{
        {"exec", "credential plugins are not supported"},
        {"auth-provider", "auth-provider plugins are not supported"},
        {"username", "user name and password are not supported"},
        {"password", "user name and password are not supported"},
        {"as", "impersonation is not supported"},
        {"as-uid", "impersonation is not supported"},
        {"as-groups", "impersonation is not supported"},
    }};
    for (const Unsupported& unsupported : kUnsupported) {
      if (!user.has(unsupported.field)) continue;
      return user.wrong(unsupported.field,
                        fmt::format("{}: use token, tokenFile or client-certificate with client-key, for example a "
                                    "service account's token from \"kubectl create token NAME\"",
                                    unsupported.what),
                        ErrorKind::unsupported);
    }
    if (Result<> done = read_token(user); !done) return done;
    Result<std::string> certificate = data_or_file(user, "client-certificate");
    if (!certificate) return std::unexpected(certificate.error());
    Result<std::string> key = data_or_file(user, "client-key");
    if (!key) return std::unexpected(key.error());
    if (certificate->empty() != key->empty()) {
      return user.wrong(key->empty() ? "client-key" : "client-certificate",
                        "is not set: a client certificate and its key go together");
    }
    config_.tls.client_certificate_pem = std::move(*certificate);
    config_.tls.client_key_pem = base::Secret(std::move(*key));
    return {};
  }

  Result<> read_token(const Section& user) {
    const Result<std::string> token = user.text("token");
    if (!token) return std::unexpected(token.error());
    if (!token->empty()) {
      Result<base::Secret> parsed = parse_token(*token);
      if (!parsed) return base::fail(std::move(parsed.error()), user.path_of("token"));
      config_.token = std::move(*parsed);
    }
    const Result<std::string> file = user.text("tokenFile");
    if (!file) return std::unexpected(file.error());
    if (file->empty()) return {};
    config_.token_file = full_name(*file);
    const Result<std::string> content = read_file_(config_.token_file);
    if (!content) return base::fail(content.error(), user.path_of("tokenFile"));
    const Result<base::Secret> parsed = parse_token(*content);
    if (!parsed) return base::fail(parsed.error(), user.path_of("tokenFile"));
    return {};
  }

  // <field>-data in base64, else the file that <field> names, else "".
  Result<std::string> data_or_file(const Section& section, const std::string& field) {
    const std::string data_field = field + "-data";
    Result<std::string> data = section.text(data_field);
    if (!data) return std::unexpected(data.error());
    if (!data->empty()) {
      std::erase_if(*data, [](char c) { return c == '\n' || c == '\r' || c == ' '; });
      std::optional<std::string> decoded = base::base64_decode(*data);
      if (!decoded || decoded->empty()) return section.wrong(data_field, "is not base64");
      return std::move(*decoded);
    }
    const Result<std::string> file = section.text(field);
    if (!file) return std::unexpected(file.error());
    if (file->empty()) return std::string();
    Result<std::string> content = read_file_(full_name(*file));
    if (!content) return base::fail(std::move(content.error()), section.path_of(field));
    if (content->empty()) return section.wrong(field, full_name(*file) + " is empty");
    return content;
  }

  std::string full_name(const std::string& file) const { return (folder_ / file).string(); }

  const std::filesystem::path folder_;
  const ReadFile& read_file_;
  ClusterConfig config_;
};

}  // namespace

base::Result<ClusterConfig> parse_kubeconfig(std::string_view text, const std::string& path, std::string_view context,
                                             const ReadFile& read_file) {
  const std::string origin = "kubeconfig " + path;
  try {
    base::Result<ClusterConfig> config = Reader(path, read_file).read(YAML::Load(std::string(text)), context);
    if (!config) return base::fail(std::move(config.error()), origin);
    config->origin = fmt::format("{}, context {}", origin, config->origin);
    return config;
  } catch (const YAML::Exception& error) {
    return base::fail(ErrorKind::invalid, fmt::format("{} is not valid YAML: {}", origin, error.what()));
  }
}

}  // namespace podid::kube
