#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace pixell::apkg {

/// SHA-256 of bytes that come piece by piece.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();

  void update(std::string_view bytes);

  /// 64 lower-case hex characters of everything so far; the object starts anew.
  std::string finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// SHA-256 of a text as 64 lower-case hex characters.
std::string sha256_of(std::string_view bytes);

/// SHA-256 of a file as 64 lower-case hex characters. NotFound when it is absent.
Result<std::string> sha256_of_file(const std::filesystem::path& path);

/// True for exactly 64 hex characters, upper or lower case.
bool is_sha256(std::string_view text);

/// Compares two hex digests without regard to case.
bool same_digest(std::string_view left, std::string_view right);

}  // namespace pixell::apkg
