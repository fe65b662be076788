#include "apkg/dotenv_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/files.hpp"
#include "base/utf8.hpp"

namespace pixell::apkg {

Checked<model::Environment> read_dotenv(const std::filesystem::path& package_root,
                                        std::vector<std::string>* skipped) {
  const auto text = read_file(package_root / ".env");
  if (!text && text.error().code == ErrorCode::NotFound) return model::Environment();
  if (!text) return refuse(model::Cause::ManifestInvalid, ".env cannot be read", text.error());
  std::size_t number = 0;
  for (std::size_t start = 0; start < text->size();) {
    const std::size_t end = std::min(text->find('\n', start), text->size());
    ++number;
    if (!is_utf8(std::string_view(*text).substr(start, end - start)))
      return refuse(model::Cause::ManifestInvalid, ".env is not UTF-8",
                    {fmt::format(".env:{}: the line holds a byte that is not UTF-8", number)},
                    "Save .env as UTF-8.");
    start = end + 1;
  }
  return model::parse_dotenv(*text, skipped);
}

}  // namespace pixell::apkg
