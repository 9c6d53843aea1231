// SPDX-License-Identifier: Apache-2.0
#include "cli/audit/audit_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/time_text.hpp"
#include "cli/common/output.hpp"

namespace podid::cli {
namespace {

namespace json = boost::json;

std::string detail_of(const audit::Record& record) {
  switch (record.kind) {
    case audit::Kind::token:
      return record.check;
    case audit::Kind::start:
      return record.reason.empty() ? record.origin : record.origin + " (" + record.reason + ")";
    case audit::Kind::rotated:
      return record.file;
    case audit::Kind::deleted:
      return fmt::format("{}: records {} up to {}, {}", record.file, record.first_index, record.end_index,
                         record.cosigned ? "witnessed" : "not witnessed");
    case audit::Kind::gap:
      return fmt::format("{} answers without a record", record.missing);
    case audit::Kind::acknowledged:
      return fmt::format("events of the records before {} are written", record.through);
  }
  return {};
}

std::string pod_of(const std::string& ns, const std::string& pod) { return ns.empty() ? pod : ns + "/" + pod; }

std::string shown(std::string_view text) { return audit::escaped_text(text); }

}  // namespace

std::string to_table(const std::vector<ReadRecord>& records, bool wide) {
  std::vector<std::string> titles{"TIME", "OUTCOME", "COUNT", "POD", "IDENTITY", "RESOURCE"};
  if (wide) {
    for (const char* title : {"INDEX", "NODE", "SOURCE", "BINDING", "GRANT", "CACHED", "EXPIRES", "UTI"}) {
      titles.emplace_back(title);
    }
  }
  titles.emplace_back("DETAIL");
  Table table(std::move(titles));
  for (const auto& [record, line] : records) {
    const bool token = record.kind == audit::Kind::token;
    std::vector<std::string> cells{base::format_rfc3339_micro(record.time),
                                   std::string(token ? to_string(record.outcome) : to_string(record.kind)),
                                   token ? std::to_string(record.count) : std::string(),
                                   shown(pod_of(record.ns, record.pod)),
                                   shown(record.identity),
                                   shown(record.resource)};
    if (wide) {
      cells.push_back(record.index ? std::to_string(*record.index) : std::string());
      for (const std::string* text : {&record.node, &record.source, &record.binding, &record.grant}) {
        cells.push_back(shown(*text));
      }
      cells.emplace_back(!token ? "" : record.cached ? "yes" : "no");
      cells.push_back(record.expires ? base::format_rfc3339(*record.expires) : std::string());
      cells.push_back(shown(record.uti));
    }
    cells.push_back(shown(detail_of(record)));
    table.add(std::move(cells));
  }
  return table.text();
}

json::object to_json(const std::vector<ReadRecord>& records) {
  json::array all;
  for (const ReadRecord& read : records) all.push_back(json::parse(read.line));
  return {{"schema", "podid.audit.records/v1"}, {"records", std::move(all)}};
}

std::vector<Holder> holders_of(const std::vector<ReadRecord>& records) {
  std::vector<Holder> holders;
  for (const auto& [record, line] : records) {
    auto found = std::ranges::find_if(holders, [&record](const Holder& holder) {
      return holder.uid == record.pod_uid && holder.ns == record.ns && holder.pod == record.pod &&
             holder.node == record.node && holder.identity == record.identity && holder.resource == record.resource;
    });
    if (found == holders.end()) {
      found = holders.insert(holders.end(), Holder{.ns = record.ns,
                                                   .pod = record.pod,
                                                   .uid = record.pod_uid,
                                                   .node = record.node,
                                                   .identity = record.identity,
                                                   .binding = record.binding,
                                                   .grant = record.grant,
                                                   .resource = record.resource,
                                                   .first = record.time,
                                                   .last = record.last});
    }
    found->first = std::min(found->first, record.time);
    found->last = std::max(found->last, record.last);
    found->count += record.count;
  }
  return holders;
}

std::string to_table(const std::vector<Holder>& holders) {
  Table table({"POD", "UID", "NODE", "IDENTITY", "BINDING", "GRANT", "RESOURCE", "FIRST", "LAST", "COUNT"});
  for (const Holder& holder : holders) {
    table.add({shown(pod_of(holder.ns, holder.pod)), shown(holder.uid), shown(holder.node), shown(holder.identity),
               shown(holder.binding), shown(holder.grant), shown(holder.resource), base::format_rfc3339(holder.first),
               base::format_rfc3339(holder.last), std::to_string(holder.count)});
  }
  return table.text();
}

json::object to_json(const std::string& uti, const std::vector<Holder>& holders) {
  json::array pods;
  for (const Holder& holder : holders) {
    pods.push_back(json::object{{"namespace", holder.ns},
                                {"pod", holder.pod},
                                {"podUID", holder.uid},
                                {"node", holder.node},
                                {"identity", holder.identity},
                                {"binding", holder.binding},
                                {"grant", holder.grant},
                                {"resource", holder.resource},
                                {"first", base::format_rfc3339_micro(holder.first)},
                                {"last", base::format_rfc3339_micro(holder.last)},
                                {"count", holder.count}});
  }
  return {{"schema", "podid.audit.whois/v1"}, {"uti", uti}, {"pods", std::move(pods)}};
}

std::string to_text(const std::vector<VerifiedLog>& logs) {
  std::string text;
  for (const auto& [path, report] : logs) {
    text += fmt::format("{:<7} {}  {}\n", report.ok() ? "ok" : "FAILED",
                        report.origin.empty() ? "(no origin)" : shown(report.origin), shown(path));
    text += fmt::format("        records {} up to {}, {} answers\n", report.first, report.size, report.answers);
    if (report.signed_checkpoint) {
      std::string by;
      for (const std::string& name : report.signers) by += (by.empty() ? "" : ", ") + shown(name);
      text += fmt::format(
          "        the first {} signed by {}{}\n", report.signed_checkpoint->size, by,
          report.signed_at ? " at " + base::format_rfc3339(base::from_unix_seconds(*report.signed_at)) : "");
    }
    for (const std::string& finding : report.findings) text += "        error: " + shown(finding) + "\n";
    for (const std::string& remark : report.remarks) text += "        note: " + shown(remark) + "\n";
  }
  return text;
}

json::object to_json(const std::vector<VerifiedLog>& logs) {
  json::array all;
  for (const auto& [path, report] : logs) {
    json::object log{{"path", path},
                     {"origin", report.origin},
                     {"ok", report.ok()},
                     {"firstIndex", report.first},
                     {"endIndex", report.size},
                     {"answers", report.answers},
                     {"missing", report.missing}};
    if (report.signed_checkpoint) {
      json::object checkpoint{{"size", report.signed_checkpoint->size},
                              {"signers", json::array(report.signers.begin(), report.signers.end())}};
      if (report.signed_at) checkpoint["time"] = base::format_rfc3339(base::from_unix_seconds(*report.signed_at));
      log["signedCheckpoint"] = std::move(checkpoint);
    }
    log["errors"] = json::array(report.findings.begin(), report.findings.end());
    log["notes"] = json::array(report.remarks.begin(), report.remarks.end());
    all.push_back(std::move(log));
  }
  return {{"schema", "podid.audit.verify/v1"}, {"logs", std::move(all)}};
}

}  // namespace podid::cli
