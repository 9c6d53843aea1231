// SPDX-License-Identifier: Apache-2.0
#include "base/metrics/metric_names.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/file.hpp"

namespace podid::base {
namespace {

TEST(MetricNames, NamesAreUniqueAndFollowTheConventions) {
  std::set<std::string_view> names;
  for (const MetricDefinition* metric : metric::all()) {
    EXPECT_TRUE(names.insert(metric->name).second) << metric->name;
    EXPECT_TRUE(metric->name.starts_with("aadpodidentity_")) << metric->name;
    EXPECT_FALSE(metric->help.empty()) << metric->name;
    EXPECT_EQ(metric->type == MetricType::histogram, !metric->buckets.empty()) << metric->name;
    EXPECT_TRUE(std::ranges::is_sorted(metric->buckets)) << metric->name;
  }
}

// What dashboards and alerts of aad-pod-identity's users rely on (nmi.md §13).
TEST(MetricNames, OldNamesStay) {
  struct Old {
    std::string name;
    MetricType type;
    std::string labels;
    std::size_t buckets;
    std::string help;
  };
  const Old expected[] = {
      {"nmi_operations_duration_seconds", MetricType::histogram, "operation_type,status_code,namespace,resource,", 18,
       "Duration in seconds for nmi operations"},
      {"imds_operations_duration_seconds", MetricType::histogram, "operation_type,", 18,
       "Duration in seconds of imds token operations"},
      {"imds_operations_errors_count", MetricType::counter, "operation_type,", 0,
       "Total number of errors in imds token operations"},
      {"kubernetes_api_operations_errors_count", MetricType::counter, "operation_type,", 0,
       "Total number of errors in kubernetes api operations"},
      {"assigned_identity_addition_duration_seconds", MetricType::histogram, "", 18,
       "Duration in seconds of assigned identity addition operations"},
      {"assigned_identity_deletion_duration_seconds", MetricType::histogram, "", 18,
       "Duration in seconds of assigned identity deletion operations"},
      {"assigned_identity_update_duration_seconds", MetricType::histogram, "", 18,
       "Duration in seconds of assigned identity update operations"},
      {"assigned_identity_addition_count", MetricType::counter, "", 0,
       "Total number of assigned identity addition operations"},
      {"assigned_identity_deletion_count", MetricType::counter, "", 0,
       "Total number of assigned identity deletion operations"},
      {"assigned_identity_update_count", MetricType::counter, "", 0,
       "Total number of assigned identity update operations"},
      {"mic_cycle_duration_seconds", MetricType::histogram, "", 11, "Duration in seconds for single mic sync cycle"},
      {"mic_cycle_count", MetricType::counter, "", 0, "Total number of cycles executed in mic"},
      {"mic_new_leader_election_count", MetricType::counter, "", 0, "Total number of new leader election in mic"},
      {"cloud_provider_operations_duration_seconds", MetricType::histogram, "operation_type,", 11,
       "Duration in seconds of cloudprovider operations"},
      {"cloud_provider_operations_errors_count", MetricType::counter, "operation_type,", 0,
       "Total number of errors in cloud provider operations"},
  };
  const auto all = metric::all();
  ASSERT_GE(all.size(), std::size(expected));
  for (std::size_t i = 0; i < std::size(expected); ++i) {
    EXPECT_EQ(all[i]->name, "aadpodidentity_" + expected[i].name);
    EXPECT_EQ(all[i]->type, expected[i].type) << all[i]->name;
    EXPECT_EQ(all[i]->help, expected[i].help);
    EXPECT_EQ(all[i]->buckets.size(), expected[i].buckets) << all[i]->name;
    std::string labels;
    for (const MetricLabel& label : all[i]->labels) labels += std::string(label.name) + ",";
    EXPECT_EQ(labels, expected[i].labels) << all[i]->name;
  }
}

// The row of docs/metrics.md for a metric.
std::string documentation_row(const MetricDefinition& metric) {
  const char* type = metric.type == MetricType::counter ? "counter"
                     : metric.type == MetricType::gauge ? "gauge"
                                                        : "histogram";
  std::string labels;
  for (const MetricLabel& label : metric.labels) {
    labels += (labels.empty() ? "`" : ", `") + std::string(label.name) + "`";
  }
  return "| `" + std::string(metric.name) + "` | " + type + " | " + labels + " | " + std::string(metric.help) + " |\n";
}

TEST(MetricNames, DocumentationListsExactlyTheseMetrics) {
  const auto text = read_file(PODID_DOCS "/metrics.md");
  ASSERT_TRUE(text) << text.error().message;
  std::size_t rows = 0;
  for (std::size_t at = text->find("\n| `aadpodidentity_"); at != std::string::npos;
       at = text->find("\n| `aadpodidentity_", at + 1)) {
    ++rows;
  }
  EXPECT_EQ(rows, metric::all().size()) << "docs/metrics.md lists other metrics than base/metrics/metric_names.hpp";
  for (const MetricDefinition* metric : metric::all()) {
    EXPECT_NE(text->find("\n" + documentation_row(*metric)), std::string::npos) << "docs/metrics.md lacks this row:\n"
                                                                                << documentation_row(*metric);
  }
}

}  // namespace
}  // namespace podid::base
