// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>

namespace podid::base::log {
namespace {

struct Settings {
  Format format = Format::text;
  std::string component = "podid";
  std::shared_ptr<spdlog::logger> logger;
};

Settings& settings() {
  static Settings instance = [] {
    Settings s;
    s.logger = std::make_shared<spdlog::logger>("podid", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    s.logger->set_pattern("%L%m%d %H:%M:%S.%f %t] %v", spdlog::pattern_time_type::utc);
    s.logger->flush_on(spdlog::level::trace);
    return s;
  }();
  return instance;
}

constexpr std::size_t kLongestValue = 1024;  // what others write must not fill the log

// A cut does not leave half a character.
std::string shortened(std::string_view text) {
  if (text.size() <= kLongestValue) return std::string(text);
  std::size_t end = kLongestValue;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "… (" + std::to_string(text.size()) + " bytes)";
}

std::string quoted(std::string_view text) { return boost::json::serialize(boost::json::string(text)); }

void write(spdlog::level::level_enum level, std::string_view message, Fields fields) {
  Settings& s = settings();
  if (!s.logger->should_log(level)) return;
  std::string line;
  line.reserve(160);
  if (s.format == Format::json) {
    line += "\"msg\":";
    line += quoted(message);
    for (const Field& field : fields) {
      line += ',';
      line += quoted(field.name);
      line += ':';
      line += field.quoted ? quoted(shortened(field.value)) : field.value;
    }
    line += '}';
  } else {
    line += message;
    for (const Field& field : fields) {
      line += ' ';
      line += field.name;
      line += '=';
      line += field.quoted ? quoted(shortened(field.value)) : field.value;
    }
  }
  s.logger->log(level, "{}", line);
}

}  // namespace

void configure(Format format, int verbosity, std::string_view component) {
  Settings& s = settings();
  s.format = format;
  s.component = component;
  s.logger->set_level(verbosity >= 1 ? spdlog::level::debug : spdlog::level::info);
  if (format == Format::json) {
    s.logger->set_pattern(
        "{\"ts\":\"%Y-%m-%dT%H:%M:%S.%fZ\",\"level\":\"%l\",\"component\":" + quoted(component) + ",%v",
        spdlog::pattern_time_type::utc);
  }
}

void debug(std::string_view message, Fields fields) { write(spdlog::level::debug, message, fields); }
void info(std::string_view message, Fields fields) { write(spdlog::level::info, message, fields); }
void warning(std::string_view message, Fields fields) { write(spdlog::level::warn, message, fields); }
void error(std::string_view message, Fields fields) { write(spdlog::level::err, message, fields); }
bool debug_enabled() { return settings().logger->should_log(spdlog::level::debug); }

}  // namespace podid::base::log
