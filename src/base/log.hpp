// SPDX-License-Identifier: Apache-2.0
// Structured logging: a constant message and fields, to standard error, as text or as JSON lines.
#pragma once
#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace podid::base::log {

enum class Level { debug, info, warning, error };
enum class Format { text, json };

// A name and a value that is already text; of more than 1 KiB the beginning and the size are written. Secrets and tokens are never fields (base::Secret does not convert).
struct Field {
  std::string_view name;
  std::string value;
  bool quoted = true;  // false for numbers and booleans

  Field(std::string_view n, std::string_view v) : name(n), value(v) {}
  Field(std::string_view n, const char* v) : name(n), value(v) {}
  Field(std::string_view n, const std::string& v) : name(n), value(v) {}
  Field(std::string_view n, bool v) : name(n), value(v ? "true" : "false"), quoted(false) {}
  Field(std::string_view n, const Error& e) : name(n), value(e.message) {}
  template <class Number>
    requires(std::integral<Number> || std::floating_point<Number>)
  Field(std::string_view n, Number v) : name(n), value(std::to_string(v)), quoted(false) {}
};

using Fields = std::initializer_list<Field>;

// Once, at program start, before any thread is made. `component` names the program ("nmi"). `verbosity` is klog's -v:
// debug lines appear from 1 on.
void configure(Format format, int verbosity, std::string_view component);

// Thread-safe; a line is written whole. Library folders return errors and do not log above debug; whoever gives up, or
// decides to go on without, logs once.
void debug(std::string_view message, Fields fields = {});
void info(std::string_view message, Fields fields = {});
void warning(std::string_view message, Fields fields = {});
void error(std::string_view message, Fields fields = {});
bool debug_enabled();

}  // namespace podid::base::log
