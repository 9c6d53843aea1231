// SPDX-License-Identifier: Apache-2.0
// Loops over netlink attributes (libmnl's macros are C only).
#pragma once
#include <libmnl/libmnl.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace podid::nmi {

// Visits the attributes behind a message's own header of `header_bytes`.
template <class Visit>
void each_attribute(const nlmsghdr& message, std::size_t header_bytes, Visit&& visit) {
  const auto* attribute = static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(&message, header_bytes));
  const auto* end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(&message));
  while (mnl_attr_ok(attribute, static_cast<int>(end - reinterpret_cast<const char*>(attribute)))) {
    visit(*attribute);
    attribute = mnl_attr_next(attribute);
  }
}

// Visits the attributes inside one.
template <class Visit>
void each_nested(const nlattr& parent, Visit&& visit) {
  const auto* attribute = static_cast<const nlattr*>(mnl_attr_get_payload(&parent));
  const char* end = reinterpret_cast<const char*>(attribute) + mnl_attr_get_payload_len(&parent);
  while (mnl_attr_ok(attribute, static_cast<int>(end - reinterpret_cast<const char*>(attribute)))) {
    visit(*attribute);
    attribute = mnl_attr_next(attribute);
  }
}

inline std::string_view attribute_bytes(const nlattr& attribute) {
  return {static_cast<const char*>(mnl_attr_get_payload(&attribute)), mnl_attr_get_payload_len(&attribute)};
}
// Text attributes end in a zero byte.
inline std::string_view attribute_text(const nlattr& attribute) {
  const std::string_view bytes = attribute_bytes(attribute);
  return bytes.substr(0, bytes.find('\0'));
}

}  // namespace podid::nmi
