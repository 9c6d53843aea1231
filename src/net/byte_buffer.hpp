// SPDX-License-Identifier: Apache-2.0
// Bytes that were received and not yet used. Grows at the end, is used up at the front, does not zero what it reads into.
#pragma once
#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace podid::net {

class ByteBuffer {
 public:
  std::string_view data() const { return {bytes_.get() + begin_, end_ - begin_}; }
  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  std::size_t capacity() const { return capacity_; }

  // Room for at least `least` bytes behind the data; invalidates views. commit() says how many were written there.
  boost::asio::mutable_buffer prepare(std::size_t least) {
    make_room(least);
    return {bytes_.get() + end_, capacity_ - end_};
  }
  void commit(std::size_t n) { end_ += n; }
  // Drops bytes at the front. Views on what remains stay valid.
  void consume(std::size_t n) { begin_ += n; }
  void append(std::string_view text) {
    if (text.empty()) return;
    make_room(text.size());
    std::memcpy(bytes_.get() + end_, text.data(), text.size());
    end_ += text.size();
  }
  void clear() { begin_ = end_ = 0; }
  // Gives the memory back when the buffer is empty and has grown beyond `keep`.
  void release_above(std::size_t keep) {
    if (!empty() || capacity_ <= keep) return;
    bytes_.reset();
    begin_ = end_ = capacity_ = 0;
  }

 private:
  void make_room(std::size_t least) {
    if (empty()) clear();
    if (capacity_ - end_ >= least) return;
    const std::size_t used = size();
    if (capacity_ - used >= least && begin_ >= capacity_ / 2) {
      std::memmove(bytes_.get(), bytes_.get() + begin_, used);
    } else {
      const std::size_t capacity = std::max(used + least, capacity_ * 2);
      auto bytes = std::make_unique_for_overwrite<char[]>(capacity);
      if (used > 0) std::memcpy(bytes.get(), bytes_.get() + begin_, used);
      bytes_ = std::move(bytes);
      capacity_ = capacity;
    }
    begin_ = 0;
    end_ = used;
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace podid::net
