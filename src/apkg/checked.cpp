#include "apkg/checked.hpp"

namespace pixell::apkg {

std::unexpected<model::Failure> refuse(model::Cause cause, std::string message,
                                       std::vector<std::string> evidence, std::string remedy) {
  return std::unexpected(
      model::make_failure(cause, std::move(message), std::move(evidence), std::move(remedy)));
}

std::unexpected<model::Failure> refuse(model::Cause cause, std::string message,
                                       const Error& error) {
  std::vector<std::string> evidence{error.message};
  if (!error.detail.empty()) evidence.push_back(error.detail);
  return refuse(cause, std::move(message), std::move(evidence));
}

}  // namespace pixell::apkg
