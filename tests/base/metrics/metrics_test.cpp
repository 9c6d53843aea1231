// SPDX-License-Identifier: Apache-2.0
#include "base/metrics/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace podid::base {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr MetricLabel kLabels[] = {{"kind"}, {"who", true}};
constexpr double kBuckets[] = {0.1, 1};
constexpr MetricDefinition kCounter = {"c_total", MetricType::counter, "Counts", kLabels, {}, 3};
constexpr MetricDefinition kGauge = {"g", MetricType::gauge, "State"};
constexpr MetricDefinition kHistogram = {"h_seconds", MetricType::histogram, "Times", {}, kBuckets};

TEST(Metrics, NothingIsExposedBeforeTheFirstObservation) {
  MetricsRegistry registry;
  registry.counter(kCounter).find_or_add({"a", "b"});
  registry.gauge(kGauge).find_or_add();
  registry.histogram(kHistogram);
  EXPECT_EQ(registry.expose(), "");
}

TEST(Metrics, ExposesTheTextFormat) {
  MetricsRegistry registry;
  registry.counter(kCounter).increment({"a", "say \"hi\""}, 2);
  registry.gauge(kGauge).set({}, 1.5);
  registry.histogram(kHistogram).observe({}, 0.1);
  registry.histogram(kHistogram).observe({}, 0.5);
  registry.histogram(kHistogram).observe({}, 7);
  EXPECT_EQ(registry.expose(),
            "# HELP c_total Counts\n# TYPE c_total counter\nc_total{kind=\"a\",who=\"say \\\"hi\\\"\"} 2\n"
            "# HELP g State\n# TYPE g gauge\ng 1.5\n"
            "# HELP h_seconds Times\n# TYPE h_seconds histogram\n"
            "h_seconds_count 3\nh_seconds_sum 7.6\n"
            "h_seconds_bucket{le=\"0.1\"} 1\nh_seconds_bucket{le=\"1\"} 2\nh_seconds_bucket{le=\"+Inf\"} 3\n");
}

TEST(Metrics, SameDefinitionSameFamily) {
  MetricsRegistry registry;
  EXPECT_EQ(&registry.counter(kCounter), &registry.counter(kCounter));
  EXPECT_EQ(registry.counter(kCounter).find_or_add({"a", "b"}), registry.counter(kCounter).find_or_add({"a", "b"}));
}

TEST(Metrics, FullFamilyCountsUnderOther) {
  MetricsRegistry registry;
  auto& family = registry.counter(kCounter);
  for (const char* who : {"1", "2", "3", "4", "5"}) family.increment({"a", who});
  family.increment({"b", "6"});
  family.increment({"a", "1"});
  const std::string text = registry.expose();
  EXPECT_THAT(text, HasSubstr("c_total{kind=\"a\",who=\"1\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("c_total{kind=\"a\",who=\"other\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("c_total{kind=\"b\",who=\"other\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("who=\"4\"")));
  EXPECT_THAT(text, HasSubstr("aadpodidentity_metrics_overflowed_observations_total{metric=\"c_total\"} 3\n"));
}

TEST(Metrics, UnusableLabelValueDropsTheObservation) {
  MetricsRegistry registry;
  auto& family = registry.counter(kCounter);
  EXPECT_TRUE(family.increment({"", std::string(255, 'x')}));
  EXPECT_FALSE(family.increment({"a", std::string(256, 'x')}));
  EXPECT_FALSE(family.increment({"a", "line\nbreak"}));
  EXPECT_FALSE(family.increment({"a", "\xc3\xa9"}));
  EXPECT_EQ(family.series().size(), 1u);
}

TEST(Metrics, ThreadsAddUp) {
  MetricsRegistry registry;
  auto& counter = registry.counter(kCounter);
  auto& histogram = registry.histogram(kHistogram);
  constexpr int kThreads = 40;  // more than there are slots
  constexpr int kTimes = 500;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (int k = 0; k < kTimes; ++k) {
          counter.increment({"a", "b"});
          histogram.observe({}, 0.5);
          if (k % 100 == 0) registry.expose();
        }
      });
    }
  }
  EXPECT_EQ(counter.find_or_add({"a", "b"})->value(), kThreads * kTimes);
  const auto totals = histogram.find_or_add()->totals();
  EXPECT_EQ(totals.count(), kThreads * kTimes);
  EXPECT_DOUBLE_EQ(totals.sum, 0.5 * kThreads * kTimes);
}

TEST(Metrics, GaugeGoesUpAndDown) {
  MetricsRegistry registry;
  auto& gauge = registry.gauge(kGauge);
  gauge.add({}, 3);
  gauge.add({}, -1);
  EXPECT_EQ(gauge.find_or_add()->value(), 2);
}

}  // namespace
}  // namespace podid::base
