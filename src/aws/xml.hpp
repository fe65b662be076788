#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace pixell::aws {

/// An element of an answer, without attributes and namespaces, which AWS's answers do not need.
struct XmlElement {
  std::string name;
  std::string text;  ///< its own characters, joined; blanks between children are left out
  std::vector<XmlElement> children;

  /// The first child of a name, or nothing.
  const XmlElement* child(std::string_view wanted) const;
  /// The text of that child; empty when it is not there.
  std::string text_of(std::string_view wanted) const;
};

/// Reads a document. InvalidArgument when it is not well formed or brings a DTD,
/// ResourceExhausted beyond kMaxAnswerBytes, kMaxXmlDepth or kMaxXmlElements.
Result<XmlElement> parse_xml(std::string_view document);

}  // namespace pixell::aws
