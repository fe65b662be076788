#include "net/client/http_fetch.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <type_traits>

#include "net/client/libcurl.hpp"

namespace pixell::net {
namespace {

// Of a refusal whose success would have gone to a sink: enough for a problem document.
constexpr std::size_t kMaxRefusalBytes = 64 * 1024;

using CurlList = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

/// A transfer of libcurl's.
class CurlHandle {
 public:
  explicit CurlHandle(const LibCurl& lib) : lib_(lib), curl_(lib.easy_init(), lib.easy_cleanup) {}

  explicit operator bool() const { return curl_ != nullptr; }
  CURL* get() const { return curl_.get(); }
  /// Forgets all options, and keeps the connections.
  void reset() { lib_.easy_reset(curl_.get()); }

  /// curl_easy_setopt(): of a variable argument it believes that it has the type it expects.
  template <class Value>
  void set(CURLoption option, Value value) {
    static_assert(std::is_pointer_v<Value> || std::is_same_v<Value, long>);
    lib_.easy_setopt(curl_.get(), option, value);
  }

 private:
  const LibCurl& lib_;
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl_;
};

/// One fetch under way: what libcurl's callbacks work on.
struct Fetch {
  const FetchRequest& request;
  FetchReply reply;
  std::size_t body_bytes = 0;
  int status = 0;
  bool is_head_told = false;
  std::optional<Error> failure;  // why a callback ended the fetch
};

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// "HTTP/1.1 200 OK" and "HTTP/2 200".
int status_of(std::string_view line) {
  const std::size_t blank = std::min(line.find(' '), line.size());
  int status = 0;
  for (const char c : line.substr(blank, 4))
    if (c >= '0' && c <= '9') status = status * 10 + (c - '0');
  return status;
}

std::size_t take_header(char* data, std::size_t, std::size_t count, void* user) {
  Fetch& fetch = *static_cast<Fetch*>(user);
  FetchReply& reply = fetch.reply;
  const std::string_view line(data, count);
  if (line.starts_with("HTTP/")) {
    reply.headers.clear();  // of a redirect or an interim answer
    fetch.status = status_of(line);
  } else if (const auto colon = line.find(':'); colon != std::string_view::npos) {
    reply.headers.emplace_back(lower_case(line.substr(0, colon)),
                               std::string(trim(line.substr(colon + 1))));
  }
  return count;
}

std::size_t take_body(char* data, std::size_t, std::size_t count, void* user) {
  Fetch& fetch = *static_cast<Fetch*>(user);
  if (count > fetch.request.max_body_bytes - fetch.body_bytes) {
    fetch.failure = make_error(ErrorCode::ResourceExhausted,
                               "the response is over the limit of " +
                                   std::to_string(fetch.request.max_body_bytes) + " bytes");
    return 0;
  }
  fetch.body_bytes += count;
  std::string& body = fetch.reply.body;
  if (!fetch.request.sink) {
    body.append(data, count);
    return count;
  }
  if (fetch.status < 200 || fetch.status >= 300) {
    body.append(data, std::min(count, kMaxRefusalBytes - std::min(kMaxRefusalBytes, body.size())));
    return count;
  }
  Result<void> taken;
  if (fetch.request.on_head && !fetch.is_head_told) {
    fetch.is_head_told = true;
    fetch.reply.status = fetch.status;
    taken = fetch.request.on_head(fetch.reply);
  }
  if (taken) taken = fetch.request.sink({data, count});
  if (taken) return count;
  fetch.failure = std::move(taken).error();
  return 0;
}

int look_whether_to_stop(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  Fetch& fetch = *static_cast<Fetch*>(user);
  if (!fetch.request.stop.stop_requested()) return 0;
  fetch.failure = make_error(ErrorCode::Cancelled, "the fetch was cancelled");
  return 1;
}

std::string numeric_address(const curl_sockaddr& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* bytes = nullptr;
  if (address.family == AF_INET) {
    bytes = &reinterpret_cast<const sockaddr_in&>(address.addr).sin_addr;
  } else if (address.family == AF_INET6) {
    bytes = &reinterpret_cast<const sockaddr_in6&>(address.addr).sin6_addr;
  }
  if (bytes == nullptr) return {};
  const char* written = inet_ntop(address.family, bytes, text.data(), text.size());
  return written == nullptr ? std::string() : std::string(written);
}

curl_socket_t open_socket(void* user, curlsocktype, curl_sockaddr* address) {
  Fetch& fetch = *static_cast<Fetch*>(user);
  if (address->family != AF_UNIX && fetch.request.allow_address) {
    Result<void> allowed = fetch.request.allow_address(numeric_address(*address));
    if (!allowed) {
      fetch.failure = std::move(allowed).error();
      return CURL_SOCKET_BAD;
    }
    fetch.failure.reset();  // an earlier address of the same name was refused
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// libcurl takes 0 for "no limit" or its own default.
long milliseconds(Millis time) { return std::max(1L, static_cast<long>(time.count())); }

void set_redirects(CurlHandle& curl, const FetchRequest& request) {
  if (request.max_redirects <= 0) return;
  const bool is_https = lower_case(request.url.substr(0, 6)) == "https:";
  curl.set(CURLOPT_FOLLOWLOCATION, 1L);
  curl.set(CURLOPT_MAXREDIRS, static_cast<long>(request.max_redirects));
  curl.set(CURLOPT_REDIR_PROTOCOLS_STR, is_https ? "https" : "http,https");
}

void set_body(CurlHandle& curl, const FetchRequest& request) {
  const std::string_view body = request.large_body.empty() ? request.body : request.large_body;
  const bool is_plain_get = request.method == "GET" && body.empty();
  if (is_plain_get) return;
  if (request.method == "HEAD") {
    curl.set(CURLOPT_NOBODY, 1L);
    return;
  }
  const bool needs_body = !body.empty() || request.method == "POST" || request.method == "PUT";
  if (needs_body) {
    curl.set(CURLOPT_POSTFIELDS, body.data());
    curl.set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  }
  curl.set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

// A name or value with a line break would smuggle in another field.
bool is_field(const std::pair<std::string, std::string>& field) {
  constexpr std::string_view kBreaks("\r\n\0", 3);
  return !field.first.empty() && field.first.find_first_of(kBreaks) == std::string::npos &&
         field.second.find_first_of(kBreaks) == std::string::npos;
}

Result<CurlList> make_headers(const LibCurl& lib, const FetchRequest& request) {
  CurlList list(nullptr, lib.slist_free_all);
  auto append = [&](const std::string& line) {
    curl_slist* longer = lib.slist_append(list.get(), line.c_str());
    if (longer == nullptr) return false;
    (void)list.release();
    list.reset(longer);
    return true;
  };
  bool ok = true;
  bool has_type = false;
  for (const auto& field : request.headers) {
    if (!is_field(field))
      return make_error(ErrorCode::InvalidArgument, "a request header is malformed");
    has_type = has_type || lower_case(field.first) == "content-type";
    // libcurl takes "Name;" for a field with an empty value.
    ok = ok && append(field.second.empty() ? field.first + ";" : field.first + ": " + field.second);
  }
  ok = ok && append("Expect:");
  // libcurl would call any body a form.
  if (!has_type) ok = ok && append("Content-Type:");
  if (!ok) return make_error(ErrorCode::ResourceExhausted, "out of memory");
  return list;
}

void set_certificates(CurlHandle& curl, const FetchRequest& request) {
  const char* ca_file = request.ca_file.c_str();
  if (request.ca_file.empty())
    ca_file = std::getenv("SSL_CERT_FILE");
  else
    curl.set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));  // the system's would count too
  if (ca_file != nullptr && *ca_file != '\0') curl.set(CURLOPT_CAINFO, ca_file);
  if (!request.client_certificate.empty())
    curl.set(CURLOPT_SSLCERT, request.client_certificate.c_str());
  if (!request.client_key.empty()) curl.set(CURLOPT_SSLKEY, request.client_key.c_str());
}

void set_options(CurlHandle& curl, Fetch& fetch, curl_slist* headers) {
  const FetchRequest& request = fetch.request;
  curl.set(CURLOPT_NOSIGNAL, 1L);
  curl.set(CURLOPT_URL, request.url.c_str());
  curl.set(CURLOPT_PROTOCOLS_STR, "http,https");
  // A proxy named by the environment would see local calls and undo allow_address.
  curl.set(CURLOPT_NOPROXY, "*");
  curl.set(CURLOPT_HTTPHEADER, headers);
  // A kept handle would send its next connection to where the name led a minute ago.
  curl.set(CURLOPT_DNS_CACHE_TIMEOUT, 0L);
  curl.set(CURLOPT_PATH_AS_IS, 1L);  // a signed path must not be changed
  curl.set(CURLOPT_TIMEOUT_MS, milliseconds(request.timeout));
  curl.set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(request.connect_timeout));
  if (request.stall_timeout > Millis(0)) {
    // In whole seconds. Below one byte a second is nothing at all.
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(request.stall_timeout);
    curl.set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl.set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(seconds.count()));
  }
  curl.set(CURLOPT_HEADERFUNCTION, take_header);
  curl.set(CURLOPT_HEADERDATA, &fetch);
  curl.set(CURLOPT_WRITEFUNCTION, take_body);
  curl.set(CURLOPT_WRITEDATA, &fetch);
  curl.set(CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl.set(CURLOPT_OPENSOCKETDATA, &fetch);
  curl.set(CURLOPT_NOPROGRESS, 0L);
  curl.set(CURLOPT_XFERINFOFUNCTION, look_whether_to_stop);
  curl.set(CURLOPT_XFERINFODATA, &fetch);
  if (!request.unix_socket.empty()) curl.set(CURLOPT_UNIX_SOCKET_PATH, request.unix_socket.c_str());
  set_certificates(curl, request);
  set_redirects(curl, request);
  set_body(curl, request);
}

ErrorCode code_of(CURLcode failed) {
  switch (failed) {
    case CURLE_OPERATION_TIMEDOUT:
      return ErrorCode::DeadlineExceeded;
    case CURLE_ABORTED_BY_CALLBACK:
      return ErrorCode::Cancelled;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return ErrorCode::InvalidArgument;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
      return ErrorCode::Unauthenticated;
    case CURLE_TOO_MANY_REDIRECTS:
      return ErrorCode::FailedPrecondition;
    default:
      return ErrorCode::Unavailable;
  }
}

// The host alone: a URL may carry a signature.
std::string host_of(const FetchRequest& request) {
  if (!request.unix_socket.empty()) return request.unix_socket;
  std::string_view url = request.url;
  if (const auto scheme = url.find("://"); scheme != std::string_view::npos)
    url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  if (const auto user = url.rfind('@'); user != std::string_view::npos) url.remove_prefix(user + 1);
  return std::string(url);
}

Error error_of(Fetch& fetch, CURLcode failed, const char* text) {
  if (fetch.failure) return *fetch.failure;
  const ErrorCode code = code_of(failed);
  Error error = make_error(code, host_of(fetch.request) + ": " + text);
  if (code == ErrorCode::Unavailable || code == ErrorCode::DeadlineExceeded)
    error.retry = Retry::Later;
  return error;
}

}  // namespace

std::optional<std::string> FetchReply::header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers)
    if (name == lower_case_name) return value;
  return std::nullopt;
}

struct Fetcher::Kept {
  explicit Kept(const LibCurl& functions) : lib(functions), curl(lib) {}

  const LibCurl lib;
  CurlHandle curl;
};

Fetcher::Fetcher() = default;
Fetcher::~Fetcher() = default;

Result<FetchReply> Fetcher::fetch(const FetchRequest& request) {
  if (request.stop.stop_requested())
    return make_error(ErrorCode::Cancelled, "the fetch was cancelled");
  if (kept_ == nullptr) {
    TRY(const LibCurl lib, libcurl());
    kept_ = std::make_unique<Kept>(lib);
  }
  const LibCurl& lib = kept_->lib;
  CurlHandle& curl = kept_->curl;
  if (!curl) return make_error(ErrorCode::ResourceExhausted, "libcurl could not start");
  TRY(CurlList headers, make_headers(lib, request));
  Fetch under_way{.request = request, .reply = {}, .failure = {}};
  std::array<char, CURL_ERROR_SIZE> text{};
  curl.reset();
  curl.set(CURLOPT_ERRORBUFFER, text.data());
  set_options(curl, under_way, headers.get());
  const CURLcode failed = lib.easy_perform(curl.get());
  // Nothing of this request may be looked at when the connection is closed later.
  long status = 0;
  lib.easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  curl.reset();
  if (failed != CURLE_OK)
    return error_of(under_way, failed, text[0] != '\0' ? text.data() : lib.easy_strerror(failed));
  under_way.reply.status = static_cast<int>(status);
  return std::move(under_way.reply);
}

Result<FetchReply> fetch(const FetchRequest& request) { return Fetcher().fetch(request); }

}  // namespace pixell::net
