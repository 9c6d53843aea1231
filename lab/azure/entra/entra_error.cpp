// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/entra/entra_error.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/time_text.hpp"

namespace podid::lab::azure {

namespace json = boost::json;

std::string entra_timestamp(base::WallTime time) {
  std::string text = base::format_rfc3339(time);
  if (const auto t = text.find('T'); t != std::string::npos) text[t] = ' ';
  return text;
}

Reply entra_error_reply(const EntraError& error, base::WallTime now, base::Random& random,
                        std::string_view correlation_id) {
  const std::string trace = random.uuid();
  const std::string correlation = correlation_id.empty() ? random.uuid() : std::string(correlation_id);
  const std::string timestamp = entra_timestamp(now);
  json::array codes;
  codes.emplace_back(error.code);
  Reply reply = json_reply(
      error.status,
      json::object{{"error", error.error},
                   {"error_description", fmt::format("AADSTS{}: {} Trace ID: {} Correlation ID: {} Timestamp: {}",
                                                     error.code, error.text, trace, correlation, timestamp)},
                   {"error_codes", std::move(codes)},
                   {"timestamp", timestamp},
                   {"trace_id", trace},
                   {"correlation_id", correlation},
                   {"error_uri", fmt::format("https://login.microsoftonline.com/error?code={}", error.code)}});
  reply.headers.set("x-ms-request-id", trace);
  return reply;
}

EntraError unknown_resource(std::string_view resource, std::string_view tenant) {
  return {.status = 400,
          .error = "invalid_resource",
          .code = 500011,
          .text = fmt::format("The resource principal named {} was not found in the tenant named {}. This can happen "
                              "if the application has not been installed by the administrator of the tenant or "
                              "consented to by any user in the tenant.",
                              resource, tenant)};
}

std::string unknown_resource_text(std::string_view resource, std::string_view tenant, base::WallTime now) {
  const EntraError error = unknown_resource(resource, tenant);
  return fmt::format("AADSTS{}: {} Timestamp: {}", error.code, error.text, entra_timestamp(now));
}

}  // namespace podid::lab::azure
