#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pixell::apkg::testing {

/// Writes zip files byte by byte, for tests: also such as no honest tool makes. Entries are stored,
/// not compressed. Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
class ZipWriter {
 public:
  struct Entry {
    std::string name;
    std::string content{};
    unsigned mode = S_IFREG | 0644;
    bool is_encrypted = false;
    std::int64_t claimed_size = -1;  ///< what the table of contents says; -1 = the truth
    std::uint16_t method = 0;        ///< 0 = stored, 8 = deflated (content is deflated already)
    std::uint32_t crc_change = 0;    ///< XORed into the checksum
  };

  ZipWriter& add(std::string name, std::string content, unsigned mode = S_IFREG | 0644) {
    return add(Entry{.name = std::move(name), .content = std::move(content), .mode = mode});
  }
  ZipWriter& add(Entry entry) {
    entries_.push_back(std::move(entry));
    return *this;
  }

  std::string bytes() const {
    std::string out;
    std::string directory;
    for (const Entry& entry : entries_) {
      const auto offset = static_cast<std::uint32_t>(out.size());
      out += number(0x04034b50, 4) + fields(entry);
      out += number(static_cast<std::uint32_t>(entry.name.size()), 2) + number(0, 2);
      out += entry.name + entry.content;
      directory += number(0x02014b50, 4) + number(3 << 8 | 20, 2) + fields(entry);
      directory += number(static_cast<std::uint32_t>(entry.name.size()), 2);
      directory += number(0, 2) + number(0, 2) + number(0, 2) + number(0, 2);
      directory += number(entry.mode << 16, 4) + number(offset, 4) + entry.name;
    }
    const auto start = static_cast<std::uint32_t>(out.size());
    const auto count = static_cast<std::uint32_t>(entries_.size());
    out += directory;
    return out + number(0x06054b50, 4) + number(0, 4) + number(count, 2) + number(count, 2) +
           number(static_cast<std::uint32_t>(directory.size()), 4) + number(start, 4) +
           number(0, 2);
  }

 private:
  static std::string number(std::uint32_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xff);
    return text;
  }

  static std::uint32_t crc32(std::string_view text) {
    std::uint32_t crc = ~0U;
    for (const char c : text) {
      crc ^= static_cast<unsigned char>(c);
      for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0U);
    }
    return ~crc;
  }

  // What the local header and the table of contents have in common.
  static std::string fields(const Entry& entry) {
    const auto size = static_cast<std::uint32_t>(entry.content.size());
    const std::uint32_t claimed =
        entry.claimed_size < 0 ? size : static_cast<std::uint32_t>(entry.claimed_size);
    return number(20, 2) + number(entry.is_encrypted ? 1 : 0, 2) + number(entry.method, 2) +
           number(0, 2) + number(0x21, 2) + number(crc32(entry.content) ^ entry.crc_change, 4) +
           number(size, 4) + number(claimed, 4);
  }

  std::vector<Entry> entries_;
};

}  // namespace pixell::apkg::testing
