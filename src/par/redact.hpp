#pragma once

#include <nlohmann/json.hpp>

#include "base/log.hpp"

namespace pixell::par {

/// Hides the values under keys that name a secret, at any depth, in what a child wants logged.
template <class Json>
void redact(Json& json) {
  if (!json.is_structured()) return;
  for (const auto& [key, value] : json.items()) {
    if (json.is_object() && is_secret_key(key))
      value = "[REDACTED]";
    else
      redact(value);
  }
}

}  // namespace pixell::par
