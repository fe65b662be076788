#include "base/prometheus_text.hpp"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

namespace pixell {

namespace {

// Backslash and newline in help texts; in label values the quote as well.
void append_escaped(std::string& out, std::string_view text, bool is_label) {
  for (const char c : text) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else if (c == '"' && is_label)
      out += "\\\"";
    else
      out += c;
  }
}

}  // namespace

void PrometheusText::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  fmt::format_to(std::back_inserter(text_), "# HELP {} ", name);
  append_escaped(text_, help, false);
  fmt::format_to(std::back_inserter(text_), "\n# TYPE {} {}\n", name, type);
}

void PrometheusText::name_and_labels(Labels labels, std::string_view suffix) {
  text_ += name_;
  text_ += suffix;
  char separator = '{';
  for (const Label& label : labels) {
    text_ += separator;
    text_ += label.name;
    text_ += "=\"";
    append_escaped(text_, label.value, true);
    text_ += '"';
    separator = ',';
  }
  text_ += labels.size() > 0 ? "} " : " ";
}

void PrometheusText::sample(Labels labels, double value, std::string_view suffix) {
  name_and_labels(labels, suffix);
  if (std::isnan(value))
    text_ += "NaN\n";
  else if (std::isinf(value))
    text_ += value > 0 ? "+Inf\n" : "-Inf\n";
  else
    fmt::format_to(std::back_inserter(text_), "{}\n", value);
}

void PrometheusText::sample(Labels labels, std::uint64_t value, std::string_view suffix) {
  name_and_labels(labels, suffix);
  fmt::format_to(std::back_inserter(text_), "{}\n", value);
}

}  // namespace pixell
