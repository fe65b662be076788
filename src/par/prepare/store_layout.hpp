#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace pixell::prepare {

/// Where things are in a store of environments. Readers only ever look at directories named by a
/// whole key; everything unfinished has a name with a dot.
struct StoreLayout {
  std::filesystem::path root;

  std::filesystem::path environment(const std::string& key) const { return root / key; }
  /// The resolved lock, kept when the environment is collected.
  std::filesystem::path resolved(const std::string& key) const {
    return root / ".resolved" / (key + ".lock");
  }
  /// Locked by whoever installs or removes the environment; its time is that of the last use.
  std::filesystem::path guard(const std::string& key) const { return root / ".guards" / key; }
  std::filesystem::path leases(const std::string& key) const { return root / ".leases" / key; }
  /// The boot of the machine in which its files were last compared, and its directories then.
  std::filesystem::path checked(const std::string& key) const { return root / ".checked" / key; }
  std::filesystem::path interpreters() const { return root / ".interpreters"; }
};

inline constexpr std::string_view kBuildingPrefix = ".building-";
inline constexpr std::string_view kDamagedPrefix = ".damaged-";
inline constexpr std::string_view kRemovingPrefix = ".removing-";
/// Bytes of a key, which is a SHA-256 in hexadecimal.
inline constexpr std::size_t kKeyBytes = 64;
/// In an entry: the list of its files.
inline constexpr const char* kListFile = "files.list";
/// In an entry: what is installed, one package per line. Not part of a JSON document: it is the
/// better part of 100 KB, and every boot would parse it.
inline constexpr const char* kLockFile = "dependencies.lock";

}  // namespace pixell::prepare
