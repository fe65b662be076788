#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace pixell {

/// Writes the Prometheus text exposition format 0.0.4
/// (https://prometheus.io/docs/instrumenting/exposition_formats/): one HELP and one TYPE line per
/// family, then its samples.
class PrometheusText {
 public:
  struct Label {
    std::string_view name;
    std::string_view value;
  };
  using Labels = std::initializer_list<Label>;

  /// What to send as Content-Type.
  static constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

  /// Begins a family; the samples that follow are its. `type` is counter, gauge or histogram.
  void family(std::string_view name, std::string_view type, std::string_view help);
  /// A sample of the current family; `suffix` (_bucket, _sum, _count) is for histograms.
  void sample(Labels labels, double value, std::string_view suffix = {});
  void sample(Labels labels, std::uint64_t value, std::string_view suffix = {});

  std::string take() { return std::move(text_); }

 private:
  void name_and_labels(Labels labels, std::string_view suffix);
  std::string text_;
  std::string name_;
};

}  // namespace pixell
