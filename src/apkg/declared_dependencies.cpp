#include "apkg/declared_dependencies.hpp"

#include <algorithm>
#include <cctype>
#include <optional>

namespace pixell::apkg {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\f'; }

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// Goes through TOML or Python, which agree on comments, brackets and, nearly, on strings.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool at_end() const { return at_ >= text_.size(); }
  char peek() const { return text_[at_]; }
  std::size_t position() const { return at_; }
  std::string_view since(std::size_t start) const { return text_.substr(start, at_ - start); }
  void advance() { ++at_; }
  void skip_blanks() {
    while (!at_end() && is_blank(peek())) ++at_;
  }
  void skip_line() { at_ = std::min(text_.find('\n', at_), text_.size()); }
  /// Blanks, line ends and comments.
  void skip_space() {
    while (!at_end()) {
      if (peek() == '#')
        skip_line();
      else if (is_blank(peek()) || peek() == '\n')
        ++at_;
      else
        return;
    }
  }
  bool is_quote() const { return !at_end() && (peek() == '"' || peek() == '\''); }

  /// The string that starts here. Nothing when it does not end, has escapes or is formatted.
  std::optional<std::string> string() {
    const char quote = peek();
    const std::string three(3, quote);
    const std::string end = text_.substr(at_).starts_with(three) ? three : std::string(1, quote);
    const std::size_t start = at_ += end.size();
    bool is_plain = true;
    while (!at_end() && !text_.substr(at_).starts_with(end)) {
      if (end.size() == 1 && peek() == '\n') return std::nullopt;
      if (peek() == '\\') {
        is_plain = false;
        ++at_;
      }
      ++at_;
    }
    if (at_end()) return std::nullopt;
    std::string value(since(start));
    at_ += end.size();
    if (!is_plain) return std::nullopt;
    return value;
  }

  /// The list of plain strings that starts here with '[' or '('; nothing when it is not one.
  std::optional<std::vector<std::string>> strings() {
    if (at_end() || (peek() != '[' && peek() != '(')) return std::nullopt;
    const char close = peek() == '[' ? ']' : ')';
    ++at_;
    std::vector<std::string> found;
    while (true) {
      skip_space();
      if (at_end()) return std::nullopt;
      if (peek() == close) break;
      if (!is_quote()) return std::nullopt;
      auto value = string();
      if (!value) return std::nullopt;
      found.push_back(std::move(*value));
      skip_space();
      if (at_end()) return std::nullopt;
      if (peek() == ',')
        ++at_;
      else if (peek() != close)
        return std::nullopt;
    }
    ++at_;
    return found;
  }

  /// Passes one TOML value: to the end of its line, or behind the last bracket it opens.
  void skip_value() {
    int depth = 0;
    while (!at_end()) {
      const char c = peek();
      if (is_quote()) {
        const std::size_t before = at_;
        string();
        if (at_ == before) ++at_;
        continue;
      }
      if (c == '#') {
        skip_line();
        continue;
      }
      if (c == '\n' && depth <= 0) return;
      if (c == '[' || c == '{') ++depth;
      if (c == ']' || c == '}') --depth;
      ++at_;
    }
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

// A key or table name without blanks and quotes around its parts.
std::string plain_name(std::string_view written) {
  std::string name;
  for (const char c : written)
    if (!is_blank(c) && c != '"' && c != '\'') name += c;
  return name;
}

// Passes "install_requires" and "=" and answers true when they come next.
bool take_keyword(Scanner& scanner, std::string_view word) {
  Scanner ahead = scanner;
  const std::size_t start = ahead.position();
  while (!ahead.at_end() && is_word(ahead.peek())) ahead.advance();
  const bool is_it = ahead.since(start) == word;
  ahead.skip_blanks();
  if (!is_it || ahead.at_end() || ahead.peek() != '=') {
    scanner = ahead.position() > start ? ahead : scanner;
    return false;
  }
  ahead.advance();
  scanner = ahead;
  return scanner.at_end() || scanner.peek() != '=';
}

}  // namespace

DeclaredDependencies read_pyproject(std::string_view text) {
  DeclaredDependencies found;
  bool is_poetry = false;
  std::string table;
  Scanner scanner(text);
  for (scanner.skip_space(); !scanner.at_end(); scanner.skip_space()) {
    const std::size_t start = scanner.position();
    if (scanner.peek() == '[') {
      scanner.skip_value();
      std::string_view header = scanner.since(start);
      header = trimmed(header.substr(0, header.find('#')));
      while (header.starts_with('[')) header.remove_prefix(1);
      while (header.ends_with(']')) header.remove_suffix(1);
      table = plain_name(header);
      found.is_project |= table == "project";
      is_poetry |= table == "tool.poetry" || table == "tool.poetry.dependencies";
      continue;
    }
    while (!scanner.at_end() && scanner.peek() != '=' && scanner.peek() != '\n') scanner.advance();
    const std::string key = (table.empty() ? "" : table + ".") + plain_name(scanner.since(start));
    if (scanner.at_end() || scanner.peek() == '\n') continue;
    scanner.advance();
    scanner.skip_blanks();
    found.is_project |= key.starts_with("project.");
    if (key == "project.dependencies") {
      auto listed = scanner.strings();
      found.needs_build |= !listed;
      if (listed) found.requirements = std::move(*listed);
    } else if (key == "project.dynamic") {
      const auto listed = scanner.strings();
      found.needs_build |= !listed || std::ranges::find(*listed, "dependencies") != listed->end();
    }
    scanner.skip_value();
  }
  if (!found.is_project && is_poetry) found.is_project = found.needs_build = true;
  return found;
}

DeclaredDependencies read_setup_py(std::string_view text) {
  DeclaredDependencies found{.requirements = {}, .is_project = true, .needs_build = false};
  Scanner scanner(text);
  for (scanner.skip_space(); !scanner.at_end(); scanner.skip_space()) {
    if (scanner.is_quote()) {
      // Also docstrings; one that cannot be read ends only itself.
      scanner.string();
      continue;
    }
    const std::size_t start = scanner.position();
    if (!is_word(scanner.peek())) {
      scanner.advance();
      // setup(**options): what is in there only Python knows.
      if (scanner.since(start) == "*" && !scanner.at_end() && scanner.peek() == '*')
        found.needs_build = true;
      continue;
    }
    if (!take_keyword(scanner, "install_requires")) continue;
    scanner.skip_space();
    auto listed = scanner.strings();
    scanner.skip_space();
    const bool is_all = scanner.at_end() || scanner.peek() == ',' || scanner.peek() == ')';
    found.needs_build |= !listed || !is_all;
    if (listed) found.requirements = std::move(*listed);
  }
  return found;
}

}  // namespace pixell::apkg
