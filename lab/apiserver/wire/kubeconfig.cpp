// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/wire/kubeconfig.hpp"

#include <boost/json.hpp>

#include "base/text.hpp"

namespace podid::lab::apiserver {

namespace json = boost::json;

std::string make_kubeconfig(std::string_view url, std::string_view ca_pem, const base::Secret& token) {
  json::object cluster{{"server", url}};
  if (!ca_pem.empty()) cluster["certificate-authority-data"] = base::base64(ca_pem);
  json::object user;
  if (!token.empty()) user["token"] = token.reveal();
  const json::object config{
      {"apiVersion", "v1"},
      {"kind", "Config"},
      {"clusters", json::array{json::object{{"name", "podid-lab"}, {"cluster", std::move(cluster)}}}},
      {"users", json::array{json::object{{"name", "podid-lab"}, {"user", std::move(user)}}}},
      {"contexts", json::array{json::object{{"name", "podid-lab"},
                                            {"context", {{"cluster", "podid-lab"}, {"user", "podid-lab"}}}}}},
      {"current-context", "podid-lab"}};
  return json::serialize(config);
}

}  // namespace podid::lab::apiserver
