#include "par/prepare/installer_failure.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string_view>

#include "par/prepare/limits.hpp"
#include "par/prepare/program.hpp"

namespace pixell::prepare {

namespace {

using model::Cause;

struct Sign {
  std::initializer_list<std::string_view> words;  // any of them
  Cause cause;
  const char* message;
  const char* remedy;  // empty = the usual one of the cause
};

// The first that fits. What an archive or an index is told before what follows from it.
const std::array kSigns = {
    Sign{{"Hash mismatch", "DO NOT MATCH THE HASHES"},
         Cause::DependencyFailed,
         "an archive is not the one that was locked: its hash differs",
         "Find out who changed the archive, or correct the hash in requirements.txt; a new lock is "
         "made when the requirements change."},
    Sign{{"Git operation failed", "failed to clone", "git clone", "Git executable not found"},
         Cause::DependencyFailed,
         "a dependency comes from a git repository that cannot be fetched",
         "Publish it to an index or ship its wheel in the package; a repository must be reachable "
         "without a password, and git installed."},
    Sign{{"401 Unauthorized", "403 Forbidden", "HTTP status client error (401",
          "HTTP status client error (403", "Missing credentials"},
         Cause::DependencyFailed,
         "the index refused the credentials",
         "Correct user and password in PIP_INDEX_URL."},
    Sign{{"Failed to build", "build backend returned an error", "metadata-generation-failed",
          "subprocess-exited-with-error"},
         Cause::DependencyFailed,
         "a dependency has no wheel for this machine and could not be built",
         "Use a version with a wheel for this Python and platform."},
    Sign{{"CERTIFICATE_VERIFY_FAILED", "invalid peer certificate"},
         Cause::DependencyFailed,
         "the index shows a certificate that is not trusted here",
         "Name the authority that signed it with SSL_CERT_FILE (PIP_CERT for pip), or correct "
         "PIP_INDEX_URL."},
    Sign{{"timed out", "ReadTimeout", "ConnectTimeout"},
         Cause::DependencyTimeout,
         "the index did not answer in time",
         ""},
    Sign{{"Connection refused", "dns error", "Name or service not known", "Failed to fetch",
          "Failed to establish a new connection"},
         Cause::DependencyFailed,
         "the index cannot be reached",
         "Check PIP_INDEX_URL and the network, or give WHEELHOUSE_DIR and OFFLINE=true."},
    Sign{{"was not found in the package registry", "No matching distribution found",
          "not found in the provided package locations", "there are no versions of",
          "there is no version of", "Could not find a version that satisfies"},
         Cause::DependencyNotFound,
         "a dependency does not exist in the index, or not in that version",
         ""},
    Sign{{"ResolutionImpossible", "conflicting dependencies", "No solution found when resolving"},
         Cause::DependencyConflict,
         "the dependencies contradict each other",
         ""}};

}  // namespace

std::vector<std::string> installer_evidence(const std::string& output) {
  std::vector<std::string> evidence = last_lines(output, kEvidenceLines);
  for (std::string& line : evidence) line = without_credentials(std::move(line));
  return evidence;
}

model::Failure installer_failure(const std::string& output) {
  for (const Sign& sign : kSigns)
    if (std::ranges::any_of(sign.words,
                            [&](std::string_view word) { return output.contains(word); }))
      return model::make_failure(sign.cause, sign.message, installer_evidence(output), sign.remedy);
  return model::make_failure(Cause::DependencyFailed, "the dependencies could not be installed",
                             installer_evidence(output));
}

}  // namespace pixell::prepare
