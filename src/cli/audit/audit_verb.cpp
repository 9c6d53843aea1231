// SPDX-License-Identifier: Apache-2.0
#include "cli/audit/audit_verb.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <filesystem>

#include "audit/proof.hpp"
#include "audit/verify.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "base/time_text.hpp"
#include "cli/audit/audit_source.hpp"
#include "cli/audit/audit_text.hpp"

namespace podid::cli {

struct AuditVerb::Settings {
  std::string from;
  std::string output = "table";
  std::size_t lines = 10;
  RecordFilter filter;
  std::string since;
  std::string until;
  std::string uti;
  std::vector<std::string> keys;
  std::string checkpoint;
  std::string proof;
  std::string record;
  std::string log;
  std::uint64_t index = 0;
  bool print_record = false;
};

namespace {

void add_from(CLI::App& verb, std::string& from, bool required = true) {
  CLI::Option* option = verb.add_option(
      "--from", from,
      "FILE of a log (its backups are read with it), FOLDER of logs, such as copies of the nodes' /var/log/podid, or "
      "- for standard input. Asking the NMIs' pods for theirs is not built yet");
  if (required) option->required();
}

void add_output(CLI::App& verb, std::string& output, const std::vector<std::string>& forms) {
  verb.add_option("-o,--output", output, fmt::format("{}", fmt::join(forms, ", ")))
      ->check(CLI::IsMember(forms))
      ->capture_default_str();
}

std::unexpected<base::Error> invalid(std::string what) { return base::fail(base::ErrorKind::invalid, std::move(what)); }

// Each a key, or a file of keys, one a line.
base::Result<std::vector<audit::VerifierKey>> read_keys(const std::vector<std::string>& given) {
  std::vector<audit::VerifierKey> keys;
  for (const std::string& text : given) {
    std::string lines = text;
    std::error_code ignored;
    if (std::filesystem::exists(text, ignored)) {
      auto read = base::read_file(text);
      if (!read) return std::unexpected(std::move(read.error()));
      lines = std::move(*read);
    }
    for (const std::string_view line : base::split(lines, '\n')) {
      if (base::trim(line).empty()) continue;
      auto key = audit::VerifierKey::parse(base::trim(line));
      if (!key) return invalid("--key " + text + ": " + key.error().message);
      keys.push_back(std::move(*key));
    }
  }
  return keys;
}

// A line of the log: the file's content, less a newline at its end.
base::Result<std::string> read_line(const std::string& file) {
  auto content = file == "-" ? base::read_file("/dev/stdin", 1 << 20) : base::read_file(file, 1 << 20);
  if (content && content->ends_with('\n')) content->pop_back();
  return content;
}

base::Result<std::vector<std::string>> logs_on_disk(const std::string& from) {
  if (from == "-") return invalid("--from - has no tree: name the folder of the log");
  return find_logs(from);
}

std::string origin_of(const std::string& log) {
  auto origin = base::read_file(log + ".tree/origin", 4096);
  return origin ? std::string(base::trim(*origin)) : std::string();
}

// Of several logs the one whose origin, or path, has `wanted` in it.
base::Result<std::string> choose_log(const std::vector<std::string>& logs, const std::string& wanted) {
  std::vector<std::string> found;
  for (const std::string& log : logs) {
    if (wanted.empty() || origin_of(log).contains(wanted) || log.contains(wanted)) found.push_back(log);
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) return base::fail(base::ErrorKind::not_found, "there is no log " + wanted);
  return invalid(fmt::format("{} logs are meant: choose one by --log", found.size()));
}

}  // namespace

AuditVerb::~AuditVerb() = default;

AuditVerb::AuditVerb(CLI::App& app, const Environment& environment, int& status)
    : environment_(environment), settings_(std::make_unique<Settings>()) {
  CLI::App* verb =
      app.add_subcommand("audit", "The audit log of the nodes: who was handed which token, and the proof of it");
  verb->require_subcommand(1);
  add_tail(*verb, status);
  add_query(*verb, status);
  add_whois(*verb, status);
  add_verify(*verb, status);
  add_prove(*verb, status);
}

void AuditVerb::add_tail(CLI::App& audit, int& status) {
  CLI::App* verb = audit.add_subcommand("tail", "The last records");
  add_from(*verb, settings_->from);
  verb->add_option("-n,--lines", settings_->lines, "How many")->capture_default_str();
  add_output(*verb, settings_->output, {"table", "wide", "json"});
  verb->footer("Example:\n  podid audit tail --from /var/log/podid/audit.log -n 20");
  verb->callback([this, &status] { status = tail(); });
}

void AuditVerb::add_query(CLI::App& audit, int& status) {
  Settings& s = *settings_;
  CLI::App* verb = audit.add_subcommand("query", "The records that agree with all that is given");
  add_from(*verb, s.from);
  verb->add_option("-n,--namespace", s.filter.ns, "Of pods of this namespace");
  verb->add_option("--pod", s.filter.pod, "Of pods of this name");
  verb->add_option("--identity", s.filter.identity, "Of this AzureIdentity: name, or namespace/name");
  verb->add_option("--binding", s.filter.binding, "By this AzureIdentityBinding: name, or namespace/name");
  verb->add_option("--grant", s.filter.grant, "By this AzureIdentityGrant: name, or namespace/name");
  verb->add_option("--resource", s.filter.resource, "For this resource, as the client wrote it");
  verb->add_option("--node", s.filter.node, "On this node");
  verb->add_option("--uti", s.filter.uti, "Of the token with this unique identifier");
  verb->add_option("--outcome", s.filter.outcome, "issued, denied, failed or passed_through")
      ->check(CLI::IsMember({"issued", "denied", "failed", "passed_through"}));
  verb->add_option("--since", s.since, "Not before this time (2026-01-02T03:04:05Z), or so long ago (1h30m)");
  verb->add_option("--until", s.until, "Before this time, or so long ago");
  verb->add_flag("--log-records", s.filter.own, "Also what the log says of itself: starts, rotations, deletions, gaps");
  add_output(*verb, s.output, {"table", "wide", "json"});
  verb->footer(
      "Example:\n  podid audit query --from ./logs -n shop --outcome denied --since 24h\n"
      "  podid audit query --from ./logs --identity reader -o json | jq '[.records[].count // 1] | add'");
  verb->callback([this, &status] { status = query(); });
}

void AuditVerb::add_whois(CLI::App& audit, int& status) {
  CLI::App* verb = audit.add_subcommand(
      "whois", "The pods that were handed one token: from an entry of Entra ID's sign-in logs to who used it");
  verb->add_option("uti", settings_->uti, "Unique token identifier, as the sign-in logs show it")->required();
  add_from(*verb, settings_->from);
  add_output(*verb, settings_->output, {"table", "json"});
  verb->footer("Example:\n  podid audit whois PzIO7qNYo0Gn1bX9Yz0AAA --from ./logs");
  verb->callback([this, &status] { status = whois(); });
}

void AuditVerb::add_verify(CLI::App& audit, int& status) {
  Settings& s = *settings_;
  CLI::App* verb = audit.add_subcommand("verify",
                                        "Whether logs are what a witness signed: nothing changed, dropped, reordered "
                                        "or cut off; or whether a proof holds");
  add_from(*verb, s.from, false);
  verb->add_option("--key", s.keys, "Public key of the witness, or a file of keys, one a line. Repeatable");
  verb->add_option("--checkpoint", s.checkpoint,
                   "File of a signed checkpoint that came another way; default: the one beside the log");
  verb->add_option("--proof", s.proof, "File that podid audit prove printed: check it instead of logs, without them");
  verb->add_option("--record", s.record, "With --proof: file of the record's line; -: standard input");
  add_output(*verb, s.output, {"table", "json"});
  verb->footer(
      "Example:\n  podid audit verify --from ./logs --key witness.key\n"
      "  podid audit verify --proof 4711.tlog-proof --record 4711.json --key witness.key");
  verb->callback([this, &status] { status = settings_->proof.empty() ? verify() : verify_proof(); });
}

void AuditVerb::add_prove(CLI::App& audit, int& status) {
  Settings& s = *settings_;
  CLI::App* verb = audit.add_subcommand("prove",
                                        "Prints the proof that a record is in a signed log (c2sp.org/tlog-proof), to "
                                        "be checked by podid audit verify --proof");
  verb->add_option("index", s.index, "The record's \"index\"")->required();
  add_from(*verb, s.from);
  verb->add_option("--log", s.log, "Which log, where there are several: a part of its origin or path");
  verb->add_flag("--print-record", s.print_record, "Print the record's line instead");
  verb->footer(
      "Example:\n  podid audit prove 4711 --from ./logs/node-1 > 4711.tlog-proof\n"
      "  podid audit prove 4711 --from ./logs/node-1 --print-record > 4711.json");
  verb->callback([this, &status] { status = prove(); });
}

int AuditVerb::tail() {
  std::uint64_t unreadable = 0;
  auto records = read_last_records(settings_->from, settings_->lines, unreadable);
  if (!records) return report(environment_, records.error());
  environment_.out << (settings_->output == "json" ? boost::json::serialize(to_json(*records)) + "\n"
                                                   : to_table(*records, settings_->output == "wide"));
  if (unreadable > 0) environment_.err << fmt::format("podid: {} lines are no records\n", unreadable);
  return kOk;
}

int AuditVerb::query() {
  Settings& s = *settings_;
  const base::WallTime now = base::RealClock().wall_now();
  const auto read_time = [&](const std::string& text, std::optional<base::WallTime>& time) -> base::Result<> {
    if (text.empty()) return {};
    auto parsed = parse_since(text, now);
    if (!parsed) return std::unexpected(std::move(parsed.error()));
    time = *parsed;
    return {};
  };
  auto times = read_time(s.since, s.filter.since);
  if (times) times = read_time(s.until, s.filter.until);
  if (!times) return report(environment_, times.error());
  std::uint64_t unreadable = 0;
  auto records = read_records(s.from, s.filter, unreadable);
  if (!records) return report(environment_, records.error());
  environment_.out << (s.output == "json" ? boost::json::serialize(to_json(*records)) + "\n"
                                          : to_table(*records, s.output == "wide"));
  if (unreadable > 0) environment_.err << fmt::format("podid: {} lines are no records\n", unreadable);
  return kOk;
}

int AuditVerb::whois() {
  Settings& s = *settings_;
  if (s.uti.empty())
    return report(environment_, base::Error{base::ErrorKind::invalid, "an empty token identifier", 0, "", {}});
  s.filter.uti = s.uti;
  std::uint64_t unreadable = 0;
  auto records = read_records(s.from, s.filter, unreadable);
  if (!records) return report(environment_, records.error());
  std::erase_if(*records, [](const ReadRecord& read) { return read.record.outcome != audit::Outcome::issued; });
  const std::vector<Holder> holders = holders_of(*records);
  if (s.output == "json") {
    environment_.out << boost::json::serialize(to_json(s.uti, holders)) << "\n";
  } else if (!holders.empty()) {
    environment_.out << to_table(holders);
  }
  if (unreadable > 0) environment_.err << fmt::format("podid: {} lines are no records\n", unreadable);
  if (!holders.empty()) return kOk;
  environment_.err << fmt::format("podid: no pod was handed a token {}, as far as these logs say\n",
                                  audit::escaped_text(s.uti));
  return kFailed;
}

int AuditVerb::verify() {
  Settings& s = *settings_;
  if (s.from.empty() || !s.record.empty()) {
    return report(environment_,
                  base::Error{base::ErrorKind::invalid, "verify needs --from, or --proof with --record", 0, "", {}});
  }
  auto keys = read_keys(s.keys);
  if (!keys) return report(environment_, keys.error());
  auto logs = logs_on_disk(s.from);
  if (!logs) return report(environment_, logs.error());
  std::optional<std::string> note;
  if (!s.checkpoint.empty()) {
    auto read = base::read_file(s.checkpoint, audit::kMaxNote);
    if (!read) return report(environment_, read.error());
    note = std::move(*read);
    // Its first line is its log's origin.
    auto log = logs->size() == 1 ? base::Result<std::string>(logs->front())
                                 : choose_log(*logs, note->substr(0, note->find('\n')));
    if (!log) return report(environment_, log.error());
    logs = std::vector<std::string>{*log};
  }
  std::vector<VerifiedLog> verified;
  bool ok = true;
  for (const std::string& log : *logs) {
    auto result = audit::verify_log(log, *keys, note);
    if (!result) return report(environment_, std::move(result.error()).with_context(log));
    ok = ok && result->ok();
    verified.push_back({log, std::move(*result)});
  }
  environment_.out << (s.output == "json" ? boost::json::serialize(to_json(verified)) + "\n" : to_text(verified));
  return ok ? kOk : kFailed;
}

int AuditVerb::verify_proof() {
  Settings& s = *settings_;
  auto keys = read_keys(s.keys);
  if (keys && (s.record.empty() || keys->empty())) {
    keys = invalid("--proof needs --record and --key: a proof without them proves nothing");
  }
  if (!keys) return report(environment_, keys.error());
  auto text = base::read_file(s.proof, audit::kMaxNote);
  if (!text) return report(environment_, text.error());
  auto line = read_line(s.record);
  if (!line) return report(environment_, line.error());
  auto proof = audit::parse_proof(*text);
  auto checked = proof ? audit::check_proof(*proof, *line, *keys) : std::unexpected(proof.error());
  if (!checked) {
    environment_.err << "podid: " << checked.error().message << "\n";
    return kFailed;
  }
  const audit::Signed& by = checked->by.front();
  const std::string when = by.unix_seconds ? base::format_rfc3339(base::from_unix_seconds(*by.unix_seconds)) : "";
  if (s.output == "json") {
    boost::json::object out{{"schema", "podid.audit.proof/v1"},     {"ok", true},
                            {"origin", checked->checkpoint.origin}, {"index", proof->index},
                            {"size", checked->checkpoint.size},     {"signer", by.key->name}};
    if (!when.empty()) out["time"] = when;
    environment_.out << boost::json::serialize(out) << "\n";
  } else {
    environment_.out << fmt::format("ok: record {} of {}, among {} signed by {}{}\n", proof->index,
                                    audit::escaped_text(checked->checkpoint.origin), checked->checkpoint.size,
                                    by.key->name, when.empty() ? "" : " at " + when);
  }
  return kOk;
}

int AuditVerb::prove() {
  Settings& s = *settings_;
  auto logs = logs_on_disk(s.from);
  if (!logs) return report(environment_, logs.error());
  auto log = choose_log(*logs, s.log);
  if (!log) return report(environment_, log.error());
  if (s.print_record) {
    auto line = audit::read_record(*log, s.index);
    if (!line) return report(environment_, line.error());
    environment_.out << *line << "\n";
    return kOk;
  }
  auto proof = audit::prove_record(*log, s.index);
  if (!proof) {
    environment_.err << "podid: " << proof.error().message << "\n";
    return kFailed;
  }
  environment_.out << audit::format_proof(*proof);
  return kOk;
}

}  // namespace podid::cli
