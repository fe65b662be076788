#pragma once

#include <string_view>

namespace pixell::model {

/// Who asks for /health again and again names itself so (User-Agent); par answers it without a
/// line in its log, a span or a count.
inline constexpr std::string_view kProbeUserAgent = "pixell-probe";

}  // namespace pixell::model
