#include "apkg/yaml_guard.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <istream>
#include <optional>
#include <streambuf>

#include "apkg/limits.hpp"

namespace pixell::apkg {

namespace {

// Lets an istream read a text without a copy.
class TextBuffer : public std::streambuf {
 public:
  explicit TextBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // never written: there is no put area
    setg(begin, begin, begin + text.size());
  }
};

// Thrown out of yaml-cpp, and caught in guard_yaml() below.
struct OverLimit {
  YAML::Mark mark;
  std::string what;
};

class CountingHandler : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { count(mark); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { count(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                const std::string&) override {
    count(mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    enter(mark);
  }
  void OnSequenceEnd() override { --depth_; }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    enter(mark);
  }
  void OnMapEnd() override { --depth_; }

 private:
  void count(const YAML::Mark& mark) {
    if (++nodes_ > kMaxManifestNodes)
      throw OverLimit{mark, fmt::format("has more than {} values", kMaxManifestNodes)};
  }
  void enter(const YAML::Mark& mark) {
    count(mark);
    if (++depth_ > kMaxManifestDepth)
      throw OverLimit{mark, fmt::format("nests deeper than {} levels", kMaxManifestDepth)};
  }

  std::size_t nodes_ = 0;
  std::size_t depth_ = 0;
};

std::unexpected<model::Failure> invalid(const YAML::Mark& mark, std::string_view what) {
  return refuse(model::Cause::ManifestInvalid, "agent.yaml cannot be read",
                {fmt::format("agent.yaml:{}:{}: {}", mark.line + 1, mark.column + 1, what)});
}

// A line that begins with a tab where the error is, or right before it. Parsers report what they
// expected there, which is never "no tab".
std::optional<YAML::Mark> tab_near(std::string_view yaml, const YAML::Mark& error) {
  YAML::Mark mark;
  for (std::size_t start = 0; start < yaml.size() && mark.line <= error.line; ++mark.line) {
    const std::size_t text = yaml.find_first_not_of(' ', start);
    if (mark.line + 1 >= error.line && text != yaml.npos && yaml[text] == '\t') return mark;
    start = std::min(yaml.find('\n', start), yaml.size() - 1) + 1;
  }
  return std::nullopt;
}

}  // namespace

Checked<void> guard_yaml(std::string_view yaml) try {
  TextBuffer buffer(yaml);
  std::istream stream(&buffer);
  YAML::Parser parser(stream);
  CountingHandler handler;
  parser.HandleNextDocument(handler);  // like every reader of agent.yaml: the first document only
  return {};
} catch (const OverLimit& over) {
  return invalid(over.mark, over.what);
} catch (const YAML::Exception& wrong) {
  if (const auto tab = tab_near(yaml, wrong.mark))
    return invalid(*tab, "the line is indented by a tab; YAML takes spaces only");
  return invalid(wrong.mark, wrong.msg);
}

}  // namespace pixell::apkg
