// SPDX-License-Identifier: Apache-2.0
#include "base/metrics/metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cassert>
#include <sstream>

namespace podid::base {
namespace {

constexpr std::size_t kLongestLabelValue = 255;
constexpr char kSeparator = '\x1f';  // between the values in a key; not printable, so no value contains it
constexpr std::string_view kOther = "other";

// Each thread's own slot, for as long as there are enough.
std::size_t slot_of_this_thread() {
  static std::atomic<std::size_t> next{0};
  thread_local const std::size_t slot = next.fetch_add(1, std::memory_order_relaxed) % kMetricSlots;
  return slot;
}

// The cell of this thread, made when it first counts.
template <class Cell, class... Arguments>
Cell& own_cell(std::array<std::atomic<Cell*>, kMetricSlots>& cells, Arguments&&... arguments) {
  std::atomic<Cell*>& slot = cells[slot_of_this_thread()];
  Cell* cell = slot.load(std::memory_order_acquire);
  if (cell != nullptr) return *cell;
  auto fresh = std::make_unique<Cell>(arguments...);
  if (slot.compare_exchange_strong(cell, fresh.get(), std::memory_order_acq_rel)) return *fresh.release();
  return *cell;  // another thread of this slot was first
}

template <class Cell>
void delete_cells(std::array<std::atomic<Cell*>, kMetricSlots>& cells) {
  for (auto& cell : cells) delete cell.load(std::memory_order_relaxed);
}

template <class Cell>
bool any_cell(const std::array<std::atomic<Cell*>, kMetricSlots>& cells) {
  return std::ranges::any_of(cells, [](const auto& cell) { return cell.load(std::memory_order_acquire) != nullptr; });
}

bool is_acceptable(std::string_view value) {
  return value.size() <= kLongestLabelValue &&
         std::ranges::all_of(value, [](char c) { return c >= 0x20 && c <= 0x7e; });
}

// Fills `key`, reusing its memory.
void make_key(std::span<const std::string_view> values, std::string& key) {
  key.clear();
  for (const std::string_view value : values) {
    key += value;
    key += kSeparator;
  }
}

std::vector<prometheus::ClientMetric::Label> labels_of(const MetricDefinition& definition,
                                                       const std::vector<std::string>& values) {
  std::vector<prometheus::ClientMetric::Label> labels;
  for (std::size_t i = 0; i < values.size(); ++i) {
    labels.push_back({std::string(definition.labels[i].name), values[i]});
  }
  return labels;
}

void fill(prometheus::ClientMetric& out, const Counter& counter, const MetricDefinition&) {
  out.counter.value = static_cast<double>(counter.value());
}

void fill(prometheus::ClientMetric& out, const Gauge& gauge, const MetricDefinition&) {
  out.gauge.value = gauge.value();
}

void fill(prometheus::ClientMetric& out, const Histogram& histogram, const MetricDefinition& definition) {
  const Histogram::Totals totals = histogram.totals();
  out.histogram.sample_count = totals.count();
  out.histogram.sample_sum = totals.sum;
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < totals.counts.size(); ++i) {
    cumulative += totals.counts[i];
    const double bound =
        i < definition.buckets.size() ? definition.buckets[i] : std::numeric_limits<double>::infinity();
    out.histogram.bucket.push_back({cumulative, bound});
  }
}

prometheus::MetricType type_of(MetricType type) {
  switch (type) {
    case MetricType::counter:
      return prometheus::MetricType::Counter;
    case MetricType::gauge:
      return prometheus::MetricType::Gauge;
    case MetricType::histogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

template <class Metric>
void collect(const std::vector<std::unique_ptr<Family<Metric>>>& families, std::vector<prometheus::MetricFamily>& out) {
  for (const auto& family : families) {
    const MetricDefinition& definition = family->definition();
    prometheus::MetricFamily collected{
        std::string(definition.name), std::string(definition.help), type_of(definition.type), {}};
    for (const auto* series : family->series()) {
      if (!series->metric.observed()) continue;
      prometheus::ClientMetric metric;
      metric.label = labels_of(definition, series->values);
      fill(metric, series->metric, definition);
      collected.metric.push_back(std::move(metric));
    }
    if (!collected.metric.empty()) out.push_back(std::move(collected));
  }
}

}  // namespace

struct alignas(64) Counter::Cell {
  std::atomic<std::uint64_t> count{0};
};

Counter::~Counter() { delete_cells(cells_); }

void Counter::increment(std::uint64_t by) { own_cell(cells_).count.fetch_add(by, std::memory_order_relaxed); }

std::uint64_t Counter::value() const {
  std::uint64_t total = 0;
  for (const auto& slot : cells_) {
    if (const Cell* cell = slot.load(std::memory_order_acquire)) total += cell->count.load(std::memory_order_relaxed);
  }
  return total;
}

bool Counter::observed() const { return any_cell(cells_); }

void Gauge::set(double value) {
  value_.store(value, std::memory_order_relaxed);
  observed_.store(true, std::memory_order_relaxed);
}

void Gauge::add(double by) {
  value_.fetch_add(by, std::memory_order_relaxed);
  observed_.store(true, std::memory_order_relaxed);
}

struct alignas(64) Histogram::Cell {
  explicit Cell(std::size_t buckets) : counts(buckets) {}
  std::vector<std::atomic<std::uint64_t>> counts;
  std::atomic<double> sum{0};
};

Histogram::~Histogram() { delete_cells(cells_); }

void Histogram::observe(double value) {
  Cell& cell = own_cell(cells_, bounds_.size() + 1);
  // Buckets include their bound ("le").
  const auto bucket = std::ranges::lower_bound(bounds_, value) - bounds_.begin();
  cell.counts[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  cell.sum.fetch_add(value, std::memory_order_relaxed);
}

std::uint64_t Histogram::Totals::count() const {
  std::uint64_t total = 0;
  for (const std::uint64_t n : counts) total += n;
  return total;
}

Histogram::Totals Histogram::totals() const {
  Totals totals;
  totals.counts.resize(bounds_.size() + 1);
  for (const auto& slot : cells_) {
    const Cell* cell = slot.load(std::memory_order_acquire);
    if (cell == nullptr) continue;
    for (std::size_t i = 0; i < totals.counts.size(); ++i) {
      totals.counts[i] += cell->counts[i].load(std::memory_order_relaxed);
    }
    totals.sum += cell->sum.load(std::memory_order_relaxed);
  }
  return totals;
}

bool Histogram::observed() const { return any_cell(cells_); }

template <class Metric>
Metric* Family<Metric>::find_or_add(Values values) {
  assert(values.size() == definition_.labels.size() && "as many values as the definition has labels");
  if (!std::ranges::all_of(values, is_acceptable)) return nullptr;
  thread_local std::string key;
  make_key({values.begin(), values.size()}, key);
  Shard& shard = shards_[slot_of_this_thread()];
  const MutexLock lock(shard.mutex);
  if (const auto known = shard.known.find(std::string_view(key)); known != shard.known.end()) {
    return &known->second->metric;
  }
  bool overflow = false;
  Series& series = add_series(key, {values.begin(), values.size()}, overflow);
  if (overflow) {
    overflowed_.fetch_add(1, std::memory_order_relaxed);
  } else {
    shard.known.emplace(key, &series);
  }
  return &series.metric;
}

// The series of `key`, made if there is room. Else the one whose open labels are `other`: it is not
// remembered under `key`, or peers could grow the index.
template <class Metric>
typename Family<Metric>::Series& Family<Metric>::add_series(const std::string& key,
                                                            std::span<const std::string_view> values, bool& overflow) {
  const MutexLock lock(mutex_);
  if (const auto known = index_.find(std::string_view(key)); known != index_.end()) return *known->second;
  std::vector<std::string> bounded(values.begin(), values.end());
  std::string bounded_key = key;
  if (all_.size() >= definition_.most_series) {
    for (std::size_t i = 0; i < bounded.size(); ++i) {
      if (!definition_.labels[i].open) continue;
      bounded[i] = kOther;
      overflow = true;
    }
    const std::vector<std::string_view> views(bounded.begin(), bounded.end());
    make_key(views, bounded_key);
    if (const auto known = index_.find(std::string_view(bounded_key)); known != index_.end()) return *known->second;
  }
  all_.push_back(std::make_unique<Series>(definition_));
  Series& series = *all_.back();
  series.values = std::move(bounded);
  index_.emplace(std::move(bounded_key), &series);
  return series;
}

template <class Metric>
std::vector<const typename Family<Metric>::Series*> Family<Metric>::series() const {
  const MutexLock lock(mutex_);
  std::vector<const Series*> all;
  for (const auto& series : all_) all.push_back(series.get());
  return all;
}

template <class Metric>
bool Family<Metric>::increment(Values values, std::uint64_t by)
  requires requires(Metric m) { m.increment(by); }
{
  Metric* const metric = find_or_add(values);
  if (metric != nullptr) metric->increment(by);
  return metric != nullptr;
}

template <class Metric>
bool Family<Metric>::observe(Values values, double value)
  requires requires(Metric m) { m.observe(value); }
{
  Metric* const metric = find_or_add(values);
  if (metric != nullptr) metric->observe(value);
  return metric != nullptr;
}

template <class Metric>
bool Family<Metric>::set(Values values, double value)
  requires requires(Metric m) { m.set(value); }
{
  Metric* const metric = find_or_add(values);
  if (metric != nullptr) metric->set(value);
  return metric != nullptr;
}

template <class Metric>
bool Family<Metric>::add(Values values, double by)
  requires requires(Metric m) { m.add(by); }
{
  Metric* const metric = find_or_add(values);
  if (metric != nullptr) metric->add(by);
  return metric != nullptr;
}

template class Family<Counter>;
template class Family<Gauge>;
template class Family<Histogram>;

template <class Metric>
Family<Metric>& MetricsRegistry::find_or_add(Families<Metric>& families, const MetricDefinition& definition) {
  for (const auto& family : families) {
    if (family->definition().name == definition.name) return *family;
  }
  families.push_back(std::make_unique<Family<Metric>>(definition));
  return *families.back();
}

Family<Counter>& MetricsRegistry::counter(const MetricDefinition& definition) {
  assert(definition.type == MetricType::counter);
  const MutexLock lock(mutex_);
  return find_or_add(counters_, definition);
}

Family<Gauge>& MetricsRegistry::gauge(const MetricDefinition& definition) {
  assert(definition.type == MetricType::gauge);
  const MutexLock lock(mutex_);
  return find_or_add(gauges_, definition);
}

Family<Histogram>& MetricsRegistry::histogram(const MetricDefinition& definition) {
  assert(definition.type == MetricType::histogram);
  const MutexLock lock(mutex_);
  return find_or_add(histograms_, definition);
}

std::string MetricsRegistry::expose() const {
  std::vector<prometheus::MetricFamily> collected;
  prometheus::MetricFamily overflows{std::string(metric::kMetricsOverflow.name),
                                     std::string(metric::kMetricsOverflow.help),
                                     prometheus::MetricType::Counter,
                                     {}};
  const auto add_overflows = [&overflows](const auto& families) {
    for (const auto& family : families) {
      if (family->overflowed() == 0) continue;
      prometheus::ClientMetric metric;
      metric.label = labels_of(metric::kMetricsOverflow, {std::string(family->definition().name)});
      metric.counter.value = static_cast<double>(family->overflowed());
      overflows.metric.push_back(std::move(metric));
    }
  };
  {
    const MutexLock lock(mutex_);
    collect(counters_, collected);
    collect(gauges_, collected);
    collect(histograms_, collected);
    add_overflows(counters_);
    add_overflows(gauges_);
    add_overflows(histograms_);
  }
  if (!overflows.metric.empty()) collected.push_back(std::move(overflows));
  std::ranges::sort(collected, {}, &prometheus::MetricFamily::name);
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, collected);
  return std::move(text).str();
}

}  // namespace podid::base
