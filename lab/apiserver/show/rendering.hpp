// SPDX-License-Identifier: Apache-2.0
// Objects, lists and watch events as the bytes of an answer. Pure.
#pragma once
#include <string>

#include "base/clock.hpp"
#include "lab/apiserver/schema/resource.hpp"
#include "lab/apiserver/show/table.hpp"
#include "lab/apiserver/store/listing.hpp"
#include "lab/apiserver/store/store.hpp"
#include "lab/apiserver/store/watch_hub.hpp"
#include "lab/apiserver/wire/media_type.hpp"

namespace podid::lab::apiserver {

// How objects are shown to one client.
class Renderer {
 public:
  Renderer(ResourcePtr resource, Form form, IncludeObject include)
      : resource_(std::move(resource)), form_(form), include_(include) {}

  std::string object(const StoredObject& object, base::WallTime now) const;
  std::string list(const Page& page, base::WallTime now) const;
  // One line of a watch. Of a watch of tables only the first has the column definitions.
  std::string watch_line(const WatchItem& item, base::WallTime now);

 private:
  std::string watch_object(const WatchItem& item, base::WallTime now);
  boost::json::object bookmark(const WatchItem& item);
  boost::json::object table_of(const StoredObject& object, base::WallTime now) const;

  ResourcePtr resource_;
  Form form_;
  IncludeObject include_;
  bool columns_sent_ = false;
};

}  // namespace podid::lab::apiserver
