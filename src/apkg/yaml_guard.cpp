#include "apkg/yaml_guard.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <istream>
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
  return invalid(wrong.mark, wrong.msg);
}

}  // namespace pixell::apkg
