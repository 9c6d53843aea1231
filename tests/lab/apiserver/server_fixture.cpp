// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/server_fixture.hpp"

#include <fmt/format.h>

#include "base/file.hpp"
#include "lab/apiserver/wire/json_tools.hpp"
#include "lab/apiserver/wire/yaml.hpp"

namespace podid::lab::apiserver {
namespace {

net::Deadline never() { return net::Deadline::never(); }

}  // namespace

std::string at(const json::value& value, std::initializer_list<std::string_view> path) {
  const json::value* found = find_path(value, path);
  if (found == nullptr) return "(absent)";
  return found->is_string() ? std::string(found->get_string()) : json::serialize(*found);
}

std::string Response::reason() const { return at(body, {"reason"}); }
std::string Response::message() const { return at(body, {"message"}); }

std::string Response::cause_fields() const {
  std::string out;
  const json::value* causes = find_path(body, {"details", "causes"});
  if (causes == nullptr || !causes->is_array()) return out;
  for (const json::value& cause : causes->get_array()) out += (out.empty() ? "" : " ") + at(cause, {"field"});
  return out;
}

json::value WatchStream::next() {
  while (rest_.find('\n') == std::string::npos) {
    auto piece = test::run_task(io_, stream_.read_some(never()));
    EXPECT_TRUE(piece) << (piece ? "" : piece.error().message);
    if (!piece || piece->empty()) return nullptr;
    rest_ += *piece;
  }
  const std::size_t end = rest_.find('\n');
  json::value event = json::parse(std::string_view(rest_).substr(0, end));
  rest_.erase(0, end + 1);
  return event;
}

std::string WatchStream::next_text() {
  const json::value event = next();
  if (event.is_null()) return "(end)";
  const std::string type = at(event, {"type"});
  if (type == "ERROR") return type + " " + at(event, {"object", "code"});
  if (type == "BOOKMARK") return type + " " + at(event, {"object", "metadata", "resourceVersion"});
  return type + " " + at(event, {"object", "metadata", "name"});
}

ServerTest::~ServerTest() {
  client_.reset();
  if (server_) test::run_task(io_, server_->stop());
}

void ServerTest::start(ApiServerOptions options) {
  client_.reset();
  if (server_) test::run_task(io_, server_->stop());
  server_ = std::make_unique<ApiServer>(io_.get_executor(), clock_, random_, std::move(options));
  const auto endpoint = server_->start();
  ASSERT_TRUE(endpoint) << endpoint.error().message;
  auto client = net::HttpClient::create(io_.get_executor(), clock_, {});
  ASSERT_TRUE(client);
  client_ = std::move(*client);
}

Response ServerTest::send(std::string method, std::string_view target, std::string body, net::Headers headers) {
  for (const net::Header& header : default_headers_) headers.add(header.name, header.value);
  if (!body.empty() && !headers.find("Content-Type")) headers.add("Content-Type", "application/json");
  net::Request request{.method = std::move(method),
                       .target = std::string(target),
                       .headers = std::move(headers),
                       .body = std::move(body)};
  auto answer = test::run_task(io_, client_->send(*net::parse_url(server_->url()), std::move(request), never()));
  EXPECT_TRUE(answer) << (answer ? "" : answer.error().message);
  if (!answer) return {};
  Response out{.status = answer->status, .headers = std::move(answer->headers), .text = std::move(answer->body)};
  std::string problem;
  if (auto parsed = parse_json(out.text, problem)) out.body = std::move(*parsed);
  return out;
}

Response ServerTest::get(std::string_view target, std::string_view accept) {
  net::Headers headers;
  if (!accept.empty()) headers.add("Accept", accept);
  return send("GET", target, {}, std::move(headers));
}

Response ServerTest::post(std::string_view target, std::string_view body) {
  return send("POST", target, std::string(body));
}
Response ServerTest::put(std::string_view target, const json::value& body) {
  return send("PUT", target, json::serialize(body));
}

Response ServerTest::patch(std::string_view target, std::string_view type, std::string_view body) {
  return send("PATCH", target, std::string(body), {{"Content-Type", std::string(type)}});
}

WatchStream ServerTest::watch(std::string_view target, std::string_view accept) {
  net::Headers headers = default_headers_;
  if (!accept.empty()) headers.add("Accept", accept);
  net::Request request{.method = "GET", .target = std::string(target), .headers = std::move(headers), .body = {}};
  auto stream = test::run_task(io_, client_->open(*net::parse_url(server_->url()), std::move(request), never()));
  if (!stream) throw std::runtime_error(stream.error().message);
  return WatchStream(io_, std::move(*stream));
}

std::string ServerTest::names(std::string_view target) {
  const Response list = get(target);
  EXPECT_EQ(list.status, 200) << list.text;
  std::string out;
  for (const json::value& item : list.body.at("items").as_array()) {
    out += (out.empty() ? "" : " ") + at(item, {"metadata", "name"});
  }
  return out;
}

Response ServerTest::create_config_map(std::string_view name, std::string_view labels) {
  return post(kConfigMaps,
              fmt::format(R"({{"metadata":{{"name":"{}","labels":{}}},"data":{{"a":"b"}}}})", name, labels));
}

Response ServerTest::create_pod(std::string_view name, std::string_view node) {
  return post(
      kPods,
      fmt::format(
          R"({{"metadata":{{"name":"{}"}},"spec":{{"nodeName":"{}","containers":[{{"name":"c","image":"i"}}]}}}})",
          name, node));
}

void ServerTest::install_crds() {
  for (const std::string_view name :
       {"azureidentity", "azureidentitybinding", "azureassignedidentity", "azurepodidentityexception",
        "azureidentitygrant", "azureidentitygrantapproval"}) {
    const auto text = base::read_file(fmt::format("{}/deploy/crds/{}.yaml", PODID_SOURCE_DIR, name));
    ASSERT_TRUE(text) << text.error().message;
    std::string problem;
    const auto crd = parse_yaml(*text, problem);
    ASSERT_TRUE(crd) << problem;
    const Response created = post(kCrds, json::serialize(*crd));
    ASSERT_EQ(created.status, 201) << created.text;
  }
}

}  // namespace podid::lab::apiserver
