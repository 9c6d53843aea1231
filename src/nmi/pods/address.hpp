// SPDX-License-Identifier: Apache-2.0
// A pod's address as a key.
#pragma once
#include <array>
#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace podid::nmi {

// IPv4 and IPv6 in one form: an IPv4 address is its IPv4-mapped IPv6 address, so that a peer compares equal whichever
// socket it came through (NMI-10). Scope ids do not count.
struct AddressKey {
  std::array<std::uint8_t, 16> bytes{};
  bool operator==(const AddressKey&) const = default;

  static AddressKey of(const boost::asio::ip::address& address) {
    AddressKey key;
    if (address.is_v6()) {
      key.bytes = address.to_v6().to_bytes();
    } else {
      key.bytes[10] = key.bytes[11] = 0xff;
      const auto v4 = address.to_v4().to_bytes();
      std::memcpy(&key.bytes[12], v4.data(), v4.size());
    }
    return key;
  }
  // Nothing for a text that is no address.
  static std::optional<AddressKey> parse(std::string_view text) {
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(text, error);
    if (error) return std::nullopt;
    return of(address);
  }
};

struct AddressHash {
  std::size_t operator()(const AddressKey& key) const {
    std::uint64_t high, low;
    std::memcpy(&high, key.bytes.data(), 8);
    std::memcpy(&low, key.bytes.data() + 8, 8);
    return static_cast<std::size_t>((high ^ (low * 0x9E3779B97F4A7C15u)) * 0xBF58476D1CE4E5B9u);
  }
};

}  // namespace podid::nmi
