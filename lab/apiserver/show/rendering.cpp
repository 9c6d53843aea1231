// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/show/rendering.hpp"

#include <fmt/format.h>

#include "lab/apiserver/schema/event_forms.hpp"
#include "lab/apiserver/wire/json_tools.hpp"

namespace podid::lab::apiserver {
namespace {

std::string_view word(WatchItem::Type type) {
  switch (type) {
    case WatchItem::Type::added:
      return "ADDED";
    case WatchItem::Type::modified:
      return "MODIFIED";
    case WatchItem::Type::deleted:
      return "DELETED";
    case WatchItem::Type::bookmark:
    case WatchItem::Type::initial_end:
      return "BOOKMARK";
    case WatchItem::Type::error:
      return "ERROR";
  }
  return "ERROR";
}

json::object list_metadata(const Page& page, bool always_continue) {
  json::object metadata{{"resourceVersion", std::to_string(page.revision)}};
  if (!page.continue_token.empty() || always_continue) metadata["continue"] = page.continue_token;
  if (page.remaining) metadata["remainingItemCount"] = *page.remaining;
  return metadata;
}

}  // namespace

json::object Renderer::table_of(const StoredObject& object, base::WallTime now) const {
  json::object table = make_table(*resource_, json::object{{"resourceVersion", std::to_string(object.revision())}});
  table["rows"].get_array().push_back(make_row(*resource_, object.value(), include_, now));
  return table;
}

std::string Renderer::object(const StoredObject& object, base::WallTime now) const {
  switch (form_) {
    case Form::object:
      return resource_->shares_bucket.empty() ? object.text() : json::serialize(from_core_event(object.value()));
    case Form::metadata:
      return json::serialize(partial_metadata(object.value()));
    case Form::table:
      return json::serialize(table_of(object, now));
  }
  return {};
}

std::string Renderer::list(const Page& page, base::WallTime now) const {
  if (form_ == Form::table) {
    json::object table = make_table(*resource_, list_metadata(page, false));
    json::array& rows = table["rows"].get_array();
    for (const ObjectPtr& object : page.items) rows.push_back(make_row(*resource_, object->value(), include_, now));
    return json::serialize(table);
  }
  const bool metadata_only = form_ == Form::metadata;
  std::string out = fmt::format(R"({{"kind":"{}","apiVersion":"{}","metadata":{},"items":[)",
                                metadata_only ? "PartialObjectMetadataList" : resource_->list_kind,
                                metadata_only ? "meta.k8s.io/v1" : resource_->api_version(),
                                json::serialize(list_metadata(page, resource_->custom)));
  const std::size_t prefix = resource_->custom ? 0 : type_prefix_length(*resource_);
  bool first = true;
  for (const ObjectPtr& object : page.items) {
    if (!first) out += ',';
    first = false;
    if (metadata_only) {
      out += json::serialize(partial_metadata(object->value()));
    } else if (!resource_->shares_bucket.empty()) {
      out += json::serialize(from_core_event(object->value()));
    } else if (prefix == 0) {
      out += object->text();
    } else {
      out += '{';
      out += std::string_view(object->text()).substr(prefix);
    }
  }
  out += "]}";
  return out;
}

json::object Renderer::bookmark(const WatchItem& item) {
  json::object metadata{{"resourceVersion", std::to_string(item.revision)}};
  if (item.type == WatchItem::Type::initial_end) {
    metadata["annotations"] = json::object{{"k8s.io/initial-events-end", "true"}};
  }
  if (form_ == Form::table) {
    json::object table = make_table(*resource_, json::object{{"resourceVersion", std::to_string(item.revision)}});
    json::object carrier{{"kind", "PartialObjectMetadata"}, {"apiVersion", "meta.k8s.io/v1"}, {"metadata", metadata}};
    table["rows"].get_array().push_back(json::object{{"cells", json::array{}}, {"object", std::move(carrier)}});
    return table;
  }
  const bool metadata_only = form_ == Form::metadata;
  return json::object{{"kind", metadata_only ? "PartialObjectMetadata" : resource_->kind},
                      {"apiVersion", metadata_only ? "meta.k8s.io/v1" : resource_->api_version()},
                      {"metadata", std::move(metadata)}};
}

std::string Renderer::watch_object(const WatchItem& item, base::WallTime now) {
  if (item.error) return json::serialize(item.error->to_json());
  const bool is_bookmark = item.object == nullptr;
  if (form_ != Form::table) return is_bookmark ? json::serialize(bookmark(item)) : object(*item.object, now);
  json::object table = is_bookmark ? bookmark(item) : table_of(*item.object, now);
  if (columns_sent_) table["columnDefinitions"] = nullptr;
  columns_sent_ = true;
  return json::serialize(table);
}

std::string Renderer::watch_line(const WatchItem& item, base::WallTime now) {
  return fmt::format("{{\"type\":\"{}\",\"object\":{}}}\n", word(item.type), watch_object(item, now));
}

}  // namespace podid::lab::apiserver
