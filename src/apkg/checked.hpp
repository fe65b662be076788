#pragma once

#include <expected>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "model/boot_report.hpp"

namespace pixell::apkg {

/// A value, or the typed failure that a boot report and a deployment show as they are.
template <class T>
using Checked = std::expected<T, model::Failure>;

/// Ends a Checked function with a failure; an empty remedy becomes the cause's usual one.
std::unexpected<model::Failure> refuse(model::Cause cause, std::string message,
                                       std::vector<std::string> evidence = {},
                                       std::string remedy = {});

/// The same for a system error: its text becomes the evidence.
std::unexpected<model::Failure> refuse(model::Cause cause, std::string message, const Error& error);

/// CHECKED_TRY(auto value, expression): binds the value of a Checked or returns its failure.
#define CHECKED_TRY(lhs, expr) CHECKED_TRY_(PIXELL_CONCAT(checked_, __LINE__), lhs, expr)
#define CHECKED_TRY_(tmp, lhs, expr)                        \
  auto tmp = (expr);                                        \
  if (!tmp) return std::unexpected(std::move(tmp).error()); \
  lhs = std::move(*tmp)

/// CHECKED_TRY_VOID(expression): returns the failure of a Checked<void>.
#define CHECKED_TRY_VOID(expr)                                 \
  do {                                                         \
    if (auto checked_void = (expr); !checked_void)             \
      return std::unexpected(std::move(checked_void).error()); \
  } while (false)

}  // namespace pixell::apkg
