// SPDX-License-Identifier: Apache-2.0
#include "base/flags/log_flags.hpp"

#include "base/log.hpp"

namespace podid::base {

void add_log_flags(FlagSet& flags, LogOptions& options) {
  flags.add("log-format", options.format, "format of log lines, text or json");
  flags.add("v", options.verbosity, "verbosity; from 1 on debug lines are logged", 0);
  flags.add_ignored("vmodule", "verbosity per source file");
  flags.add_ignored("logtostderr", "log to standard error, which is where logs go", FlagSet::Ignored::switch_alone);
  flags.add_ignored("alsologtostderr", "log to standard error as well as to files", FlagSet::Ignored::switch_alone);
  flags.add_ignored("stderrthreshold", "level from which lines go to standard error");
  flags.add_ignored("log_dir", "folder of log files");
  flags.add_ignored("log_file", "log file");
  flags.add_ignored("log_file_max_size", "size limit of the log file in megabytes");
  flags.add_ignored("skip_headers", "no prefixes in log lines", FlagSet::Ignored::switch_alone);
  flags.add_ignored("skip_log_headers", "no headers when opening log files", FlagSet::Ignored::switch_alone);
  flags.add_ignored("one_output", "write each line to its own level only", FlagSet::Ignored::switch_alone);
  flags.add_ignored("add_dir_header", "file's folder in the prefix", FlagSet::Ignored::switch_alone);
  flags.add_ignored("log_backtrace_at", "stack trace at a source line");
}

Result<> apply_log_options(const LogOptions& options, std::string_view component) {
  if (options.format != "text" && options.format != "json") {
    return fail(ErrorKind::invalid, "unable to apply logging options, error: unknown logging format " + options.format +
                                        ". Only \"text\" and \"json\" are supported");
  }
  log::configure(options.format == "json" ? log::Format::json : log::Format::text, options.verbosity, component);
  return {};
}

}  // namespace podid::base
