// SPDX-License-Identifier: Apache-2.0
// Counters, gauges and histograms in the Prometheus text format, cheap enough for the path of every request.
//
//   Families are made once from the definitions in base/metrics/metric_names.hpp:
//     auto& requests = registry.counter(metric::kImdsOperationsErrors);
//     requests.increment({"adal_token_msi"});
//
// A series appears in the text only after its first observation. Everything here is thread-safe; families and
// series live as long as the registry and keep their addresses.
#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/metrics/metric_names.hpp"
#include "base/mutex.hpp"

namespace podid::base {

// Threads count in cells of their own, which the scrape adds up: two threads that count into one series never
// write to one cache line. More threads than slots share cells, which stay correct.
inline constexpr std::size_t kMetricSlots = 16;

class Counter {
 public:
  explicit Counter(const MetricDefinition&) {}
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;
  ~Counter();
  void increment(std::uint64_t by = 1);
  std::uint64_t value() const;
  bool observed() const;

 private:
  struct Cell;
  std::array<std::atomic<Cell*>, kMetricSlots> cells_{};
};

// The last value that was set. For states, not for the request path: all threads share one cell.
class Gauge {
 public:
  explicit Gauge(const MetricDefinition&) {}
  void set(double value);
  void add(double by);
  double value() const { return value_.load(std::memory_order_relaxed); }
  bool observed() const { return observed_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_ = 0;
  std::atomic<bool> observed_ = false;
};

class Histogram {
 public:
  explicit Histogram(const MetricDefinition& definition) : bounds_(definition.buckets) {}
  Histogram(const Histogram&) = delete;
  Histogram& operator=(const Histogram&) = delete;
  ~Histogram();
  void observe(double value);

  struct Totals {
    std::vector<std::uint64_t> counts;  // per bucket, not cumulative; the last one is +Inf
    double sum = 0;
    std::uint64_t count() const;
  };
  Totals totals() const;
  bool observed() const;

 private:
  struct Cell;
  std::span<const double> bounds_;
  std::array<std::atomic<Cell*>, kMetricSlots> cells_{};
};

// The series of one metric by label values. A lookup of a known series takes a lock that only the calling
// thread's slot uses and allocates nothing; a caller that keeps the reference saves the lookup.
//
// A family holds at most `definition.most_series` series. Beyond that, values of labels that others choose
// become `other`, and each such observation is counted (overflowed()).
template <class Metric>
class Family {
 public:
  using Values = std::initializer_list<std::string_view>;  // as many as the definition has labels, in its order

  explicit Family(const MetricDefinition& definition) : definition_(definition) {}
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  // Null when a value is longer than 255 bytes or not printable ASCII: such an observation is dropped (nmi.md
  // §13).
  Metric* find_or_add(Values values = {});

  // False: dropped, see find_or_add.
  bool increment(Values values = {}, std::uint64_t by = 1)
    requires requires(Metric m) { m.increment(by); };
  bool observe(Values values, double value)
    requires requires(Metric m) { m.observe(value); };
  bool set(Values values, double value)
    requires requires(Metric m) { m.set(value); };
  bool add(Values values, double by)
    requires requires(Metric m) { m.add(by); };

  const MetricDefinition& definition() const { return definition_; }
  std::uint64_t overflowed() const { return overflowed_.load(std::memory_order_relaxed); }

  struct Series {
    explicit Series(const MetricDefinition& definition) : metric(definition) {}
    std::vector<std::string> values;
    Metric metric;
  };
  // All series so far, in the order of their making.
  std::vector<const Series*> series() const;

 private:
  struct KeyHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const { return std::hash<std::string_view>{}(key); }
  };
  using Index = std::unordered_map<std::string, Series*, KeyHash, std::equal_to<>>;
  struct alignas(64) Shard {
    Mutex mutex;
    Index known PODID_GUARDED_BY(mutex);
  };
  Series& add_series(const std::string& key, std::span<const std::string_view> values, bool& overflow);

  const MetricDefinition& definition_;
  std::array<Shard, kMetricSlots> shards_;
  mutable Mutex mutex_;
  std::vector<std::unique_ptr<Series>> all_ PODID_GUARDED_BY(mutex_);
  Index index_ PODID_GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> overflowed_ = 0;
};

extern template class Family<Counter>;
extern template class Family<Gauge>;
extern template class Family<Histogram>;

// All families of one program. The definitions are those of metric_names.hpp (they must outlive the
// registry).
class MetricsRegistry {
 public:
  MetricsRegistry() = default;
  MetricsRegistry(const MetricsRegistry&) = delete;
  MetricsRegistry& operator=(const MetricsRegistry&) = delete;

  // The same family for the same definition, however often it is asked for.
  Family<Counter>& counter(const MetricDefinition& definition);
  Family<Gauge>& gauge(const MetricDefinition& definition);
  Family<Histogram>& histogram(const MetricDefinition& definition);

  // The text exposition format, families in order of their names. Content type: kMetricsContentType.
  std::string expose() const;

 private:
  template <class Metric>
  using Families = std::vector<std::unique_ptr<Family<Metric>>>;
  template <class Metric>
  static Family<Metric>& find_or_add(Families<Metric>& families, const MetricDefinition& definition);

  mutable Mutex mutex_;
  Families<Counter> counters_ PODID_GUARDED_BY(mutex_);
  Families<Gauge> gauges_ PODID_GUARDED_BY(mutex_);
  Families<Histogram> histograms_ PODID_GUARDED_BY(mutex_);
};

inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

// Prometheus counts time in seconds: family.observe({...}, in_seconds(clock.steady_now() - start)).
constexpr double in_seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace podid::base
