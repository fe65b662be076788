#include "edge/reply_digest.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "edge/limits.hpp"
#include "net/grpc.hpp"

namespace pixell::edge {

namespace {

std::uint64_t mix(std::uint64_t hash, std::uint64_t word) {
  return std::rotl(hash ^ word, 29) * 0x9e3779b97f4a7c15ULL;
}

}  // namespace

void ReplyDigest::take_head(const net::ResponseHead& head, std::chrono::nanoseconds after) {
  status_ = head.status;
  content_type_ = head.headers.get("content-type").value_or("");
  grpc_status_ = net::grpc_status_of(head.headers);
  head_after_ = after;
}

void ReplyDigest::take_data(std::string_view bytes) {
  if (bytes_ < kMirrorHashedBytes)
    hash(bytes.substr(0, static_cast<std::size_t>(kMirrorHashedBytes - bytes_)));
  bytes_ += bytes.size();
}

// Whatever the pieces a body comes in, its words are the same.
void ReplyDigest::hash(std::string_view bytes) {
  std::uint64_t held = bytes_ % 8;
  while (held != 0 && !bytes.empty()) {
    word_ |= std::uint64_t{static_cast<unsigned char>(bytes.front())} << (8 * held);
    bytes.remove_prefix(1);
    if (held = (held + 1) % 8; held == 0) hash_ = mix(hash_, std::exchange(word_, 0));
  }
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), 8);
    hash_ = mix(hash_, word);
  }
  for (; !bytes.empty(); bytes.remove_prefix(1), ++held)
    word_ |= std::uint64_t{static_cast<unsigned char>(bytes.front())} << (8 * held);
}

void ReplyDigest::end(int grpc_status) {
  if (grpc_status >= 0) grpc_status_ = grpc_status;
  is_whole_ = true;
}

ReplyDigest::Difference ReplyDigest::compare(const ReplyDigest& other) const {
  const bool are_whole = is_whole_ && other.is_whole_;
  if (status_ != other.status_ || (are_whole && grpc_status_ != other.grpc_status_))
    return Difference::Status;
  if (content_type_ != other.content_type_) return Difference::Body;
  if (are_whole && bytes_ != other.bytes_) return Difference::Body;
  // Hashes of beginnings of different lengths say nothing.
  const bool same_beginning = std::min(bytes_, std::uint64_t{kMirrorHashedBytes}) ==
                              std::min(other.bytes_, std::uint64_t{kMirrorHashedBytes});
  if (same_beginning && (hash_ != other.hash_ || word_ != other.word_)) return Difference::Body;
  return Difference::None;
}

}  // namespace pixell::edge
