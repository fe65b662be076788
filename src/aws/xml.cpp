#include "aws/xml.hpp"

#include <expat.h>
#include <fmt/format.h>

#include <memory>
#include <optional>

#include "aws/limits.hpp"

namespace pixell::aws {

namespace {

// The tree as far as it has been read.
struct Reading {
  XML_Parser parser;
  XmlElement root;
  std::vector<XmlElement> open;  // from the root to where the text stands
  std::size_t elements = 0;
  std::optional<Error> failure;

  void stop(ErrorCode code, std::string why) {
    if (!failure) failure = make_error(code, std::move(why));
    XML_StopParser(parser, XML_FALSE);
  }
};

void begin_element(void* user, const XML_Char* name, const XML_Char**) {
  Reading& reading = *static_cast<Reading*>(user);
  if (reading.open.size() >= static_cast<std::size_t>(kMaxXmlDepth))
    return reading.stop(ErrorCode::ResourceExhausted,
                        fmt::format("the XML nests deeper than {}", kMaxXmlDepth));
  if (++reading.elements > kMaxXmlElements)
    return reading.stop(ErrorCode::ResourceExhausted,
                        fmt::format("the XML has more than {} elements", kMaxXmlElements));
  std::string_view local = name;
  if (const auto colon = local.rfind(':'); colon != local.npos) local.remove_prefix(colon + 1);
  reading.open.push_back({.name = std::string(local), .text = {}, .children = {}});
}

void end_element(void* user, const XML_Char*) {
  Reading& reading = *static_cast<Reading*>(user);
  if (reading.failure || reading.open.empty()) return;
  XmlElement done = std::move(reading.open.back());
  reading.open.pop_back();
  if (!done.children.empty() && done.text.find_first_not_of(" \t\r\n") == std::string::npos)
    done.text.clear();
  if (reading.open.empty())
    reading.root = std::move(done);
  else
    reading.open.back().children.push_back(std::move(done));
}

void take_text(void* user, const XML_Char* text, int length) {
  Reading& reading = *static_cast<Reading*>(user);
  if (!reading.open.empty())
    reading.open.back().text.append(text, static_cast<std::size_t>(length));
}

// Entities live in a DTD, and with them everything that makes XML dangerous.
void refuse_dtd(void* user, const XML_Char*, const XML_Char*, const XML_Char*, int) {
  static_cast<Reading*>(user)->stop(ErrorCode::InvalidArgument, "the XML brings a DTD");
}

}  // namespace

const XmlElement* XmlElement::child(std::string_view wanted) const {
  for (const XmlElement& each : children)
    if (each.name == wanted) return &each;
  return nullptr;
}

std::string XmlElement::text_of(std::string_view wanted) const {
  const XmlElement* found = child(wanted);
  return found == nullptr ? std::string() : found->text;
}

Result<XmlElement> parse_xml(std::string_view document) {
  if (document.size() > kMaxAnswerBytes)
    return make_error(ErrorCode::ResourceExhausted, fmt::format("the XML has {} bytes; {} are read",
                                                                document.size(), kMaxAnswerBytes));
  const std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser(
      XML_ParserCreate("UTF-8"), XML_ParserFree);
  if (!parser) return make_error(ErrorCode::ResourceExhausted, "out of memory");
  Reading reading{.parser = parser.get(), .root = {}, .open = {}, .failure = {}};
  XML_SetUserData(parser.get(), &reading);
  XML_SetElementHandler(parser.get(), begin_element, end_element);
  XML_SetCharacterDataHandler(parser.get(), take_text);
  XML_SetStartDoctypeDeclHandler(parser.get(), refuse_dtd);
  const auto done =
      XML_Parse(parser.get(), document.data(), static_cast<int>(document.size()), XML_TRUE);
  if (reading.failure) return *reading.failure;
  if (done != XML_STATUS_OK)
    return make_error(ErrorCode::InvalidArgument,
                      fmt::format("the XML is not well formed: {} in line {}",
                                  XML_ErrorString(XML_GetErrorCode(parser.get())),
                                  XML_GetCurrentLineNumber(parser.get())));
  return std::move(reading.root);
}

}  // namespace pixell::aws
