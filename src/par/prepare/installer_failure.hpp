#pragma once

#include <string>
#include <vector>

#include "model/boot_report.hpp"

namespace pixell::prepare {

/// The failure that uv's or pip's output tells; passwords in URLs are removed from the evidence.
model::Failure installer_failure(const std::string& output);

/// The last lines of an installer's output without the passwords in their URLs.
std::vector<std::string> installer_evidence(const std::string& output);

}  // namespace pixell::prepare
