#include "net/tls/certified_key.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>
#include <string_view>

#include "base/files.hpp"
#include "net/tls/limits.hpp"

namespace pixell::net::tls {

namespace {

namespace fs = std::filesystem;

// OpenSSL would ask for the passphrase on the terminal.
int no_passphrase(char*, int, int, void*) { return -1; }

Error refused(std::string_view what, const fs::path& file, std::string_view why,
              std::string_view remedy) {
  return make_error(ErrorCode::InvalidArgument,
                    fmt::format("{} {}: {}; {}", what, file.string(), why, remedy));
}

Result<std::string> read_text(std::string_view what, const fs::path& file) {
  auto text = read_file(file);
  if (text) return text;
  return refused(what, file, text.error().message, "name a PEM file that this user can read");
}

Result<KeyPtr> load_key(const fs::path& file) {
  constexpr std::string_view kWhat = "TLS key";
  TRY(const std::string text, read_text(kWhat, file));
  ERR_clear_error();
  KeyPtr key(PEM_read_bio_PrivateKey(bio_over(text).get(), nullptr, no_passphrase, nullptr));
  if (key != nullptr) return key;
  const std::string why = take_openssl_error();
  if (text.find("ENCRYPTED") != std::string::npos)
    return refused(kWhat, file, "it is encrypted with a passphrase, which nobody can type in here",
                   "store it without: openssl pkey -in FILE -out NEW");
  return refused(kWhat, file, "it holds no PEM private key (" + why + ")",
                 "give the key the certificate was requested with");
}

UnixMillis millis_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return UnixMillis{::timegm(&parts)} * 1000;
}

std::string_view text_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

// Calls `use` with each alternative name of a kind (GEN_DNS, GEN_URI).
template <class Use>
void for_each_name(const X509& certificate, int kind, Use use) {
  const GeneralNamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (names == nullptr) return;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == kind) use(text_of(name->d.ia5));
  }
}

std::vector<std::string> dns_names(const X509& certificate) {
  std::vector<std::string> found;
  for_each_name(certificate, GEN_DNS, [&](std::string_view name) {
    std::string lower(name);
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    found.push_back(std::move(lower));
  });
  return found;
}

bool is_visible_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

void append_quoted(std::string& out, std::string_view key, std::string_view text) {
  out.append(key).append("=\"");
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

std::string subject_of(X509& certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr) return {};
  // Everything but visible ASCII comes escaped.
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(&certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

// What a file of certificates is for, and what is to be in it, in errors.
struct Purpose {
  std::string_view what;
  std::string_view remedy;
};
constexpr Purpose kOfServer{
    "TLS certificate",
    "give the server's own certificate first and then those that lead to the root"};
constexpr Purpose kOfAuthorities{
    "TLS client CA", "give the certificates of the authorities that sign those of clients"};

Result<std::vector<X509Ptr>> load_certificates(const fs::path& file, const Purpose& purpose) {
  TRY(const std::string text, read_text(purpose.what, file));
  ERR_clear_error();
  const BioPtr bio = bio_over(text);
  std::vector<X509Ptr> found;
  while (true) {
    X509Ptr one(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr));
    if (one == nullptr) break;
    found.push_back(std::move(one));
  }
  const bool is_at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string why = take_openssl_error();
  if (found.empty() || !is_at_end)
    return refused(
        purpose.what, file,
        fmt::format("certificate {} of it is no PEM certificate ({})", found.size() + 1, why),
        purpose.remedy);
  return found;
}

}  // namespace

Result<std::vector<X509Ptr>> load_authorities(const fs::path& file) {
  return load_certificates(file, kOfAuthorities);
}

Result<CertifiedKey> load_certified_key(const CertificateFiles& files) {
  CertifiedKey loaded;
  TRY(loaded.chain, load_certificates(files.certificate, kOfServer));
  loaded.certificate = std::move(loaded.chain.front());
  loaded.chain.erase(loaded.chain.begin());
  TRY(loaded.key, load_key(files.key));
  if (X509_check_private_key(loaded.certificate.get(), loaded.key.get()) != 1) {
    ERR_clear_error();
    return refused("TLS key", files.key,
                   fmt::format("it does not belong to the first certificate of {}",
                               files.certificate.string()),
                   "give the key the certificate was requested with, and the server's own "
                   "certificate before those that lead to the root");
  }
  loaded.names = dns_names(*loaded.certificate);
  loaded.not_before = millis_of(X509_get0_notBefore(loaded.certificate.get()));
  loaded.not_after = millis_of(X509_get0_notAfter(loaded.certificate.get()));
  return loaded;
}

std::string describe_client(X509& certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (X509_digest(&certificate, EVP_sha256(), digest.data(), &size) != 1) return {};
  std::string out = "Hash=";
  for (unsigned i = 0; i < size; ++i) fmt::format_to(std::back_inserter(out), "{:02x}", digest[i]);
  append_quoted(out, ";Subject", subject_of(certificate));
  if (out.size() > kMaxCertificateTextBytes) out.resize(out.find(';'));
  const auto append_name = [&](std::string_view key, std::string_view name) {
    if (!is_visible_ascii(name)) return;
    std::string one;
    append_quoted(one, key, name);
    if (out.size() + one.size() <= kMaxCertificateTextBytes) out += one;
  };
  for_each_name(certificate, GEN_URI, [&](std::string_view uri) { append_name(";URI", uri); });
  for_each_name(certificate, GEN_DNS, [&](std::string_view dns) { append_name(";DNS", dns); });
  return out;
}

}  // namespace pixell::net::tls
