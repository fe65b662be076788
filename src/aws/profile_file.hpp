#pragma once

#include <map>
#include <string>
#include <string_view>

#include "aws/transport.hpp"
#include "base/result.hpp"

namespace pixell::aws {

/// Profiles by name, each with its settings.
using Profiles = std::map<std::string, std::map<std::string, std::string>>;

/// AWS_PROFILE, or "default".
std::string profile_name(const Environment& env);

/// Reads the text of a profile file into `profiles`; what is there already is replaced. In
/// ~/.aws/config (`is_config`) sections are "[profile name]" and "[default]", in ~/.aws/credentials
/// "[name]"; others are passed over, and so are nested settings. InvalidArgument names the line.
Result<void> parse_profiles(std::string_view text, bool is_config, Profiles& profiles);

/// Both files (AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE), of which the credentials win; one
/// that is absent has no profiles.
Result<Profiles> read_profiles(const Environment& env);

}  // namespace pixell::aws
