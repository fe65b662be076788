#include "net/client/libcurl.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

namespace pixell::net {

namespace {

template <class Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

}  // namespace

Result<LibCurl> load_libcurl(const char* file) {
  LibCurl curl;
  void* const library = ::dlopen(file, RTLD_NOW | RTLD_LOCAL);
  const bool is_whole = library != nullptr && find(library, "curl_global_init", curl.global_init) &&
                        find(library, "curl_easy_init", curl.easy_init) &&
                        find(library, "curl_easy_cleanup", curl.easy_cleanup) &&
                        find(library, "curl_easy_reset", curl.easy_reset) &&
                        find(library, "curl_easy_setopt", curl.easy_setopt) &&
                        find(library, "curl_easy_perform", curl.easy_perform) &&
                        find(library, "curl_easy_getinfo", curl.easy_getinfo) &&
                        find(library, "curl_easy_strerror", curl.easy_strerror) &&
                        find(library, "curl_slist_append", curl.slist_append) &&
                        find(library, "curl_slist_free_all", curl.slist_free_all);
  if (is_whole) return curl;
  return make_error(ErrorCode::FailedPrecondition,
                    fmt::format("libcurl cannot be loaded: {}", ::dlerror()));
}

const Result<LibCurl>& libcurl() {
  static const Result<LibCurl> loaded = [] {
    auto curl = load_libcurl("libcurl.so.4");
    if (curl) curl->global_init(CURL_GLOBAL_DEFAULT);
    return curl;
  }();
  return loaded;
}

}  // namespace pixell::net
