#pragma once

#include <curl/curl.h>

#include "base/result.hpp"

namespace pixell::net {

/// The functions of libcurl that a fetch calls.
struct LibCurl {
  decltype(&curl_global_init) global_init = nullptr;
  decltype(&curl_easy_init) easy_init = nullptr;
  decltype(&curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&curl_easy_reset) easy_reset = nullptr;
  decltype(&curl_easy_setopt) easy_setopt = nullptr;
  decltype(&curl_easy_perform) easy_perform = nullptr;
  decltype(&curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&curl_easy_strerror) easy_strerror = nullptr;
  decltype(&curl_slist_append) slist_append = nullptr;
  decltype(&curl_slist_free_all) slist_free_all = nullptr;
};

/// Loads a libcurl, for good. FailedPrecondition when the file or a function of it is not there.
Result<LibCurl> load_libcurl(const char* file);

/// The system's libcurl, loaded and initialised by the first call. It is not linked: most boots
/// fetch nothing, and loading it with the thirty libraries it needs would take as long as
/// everything else that par-prepare does then. Fails as load_libcurl() does.
const Result<LibCurl>& libcurl();

}  // namespace pixell::net
