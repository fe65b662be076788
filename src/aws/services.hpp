#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "aws/call.hpp"
#include "aws/credentials.hpp"
#include "aws/endpoint.hpp"
#include "aws/error.hpp"

namespace pixell::aws {

/// How a service is spoken to.
enum class Protocol {
  Json,   ///< application/x-amz-json-1.1
  Query,  ///< a form in, XML out, lists as Name.member.1
  Ec2,    ///< the same, lists as Name.1
};

/// A service that Pixell calls.
struct Service {
  std::string_view id;  ///< as boto3 names it
  std::string_view signing_name;
  ServiceEndpoint endpoint;
  Protocol protocol = Protocol::Json;
  std::string_view version;  ///< X-Amz-Target's prefix, or the form's Version
};

/// Whether an action that may have been done can be sent again.
enum class Repeat {
  Safe,  ///< twice is once, or the second answer says so
  Once,  ///< only after an answer that says that it was not done
};

/// An action that Pixell uses.
struct Action {
  std::string_view service;
  std::string_view name;
  std::string_view action_class;  ///< of the rate limiter: read, write, register
  Repeat repeat = Repeat::Safe;
  std::string_view token_in{};   ///< a listing's parameter for the next page
  std::string_view token_out{};  ///< and where an answer has it
  std::string_view host_prefix{};
};

std::span<const Service> services();
std::span<const Action> actions();
/// A row of the tables; null when there is none.
const Service* find_service(std::string_view id);
const Action* find_action(std::string_view service, std::string_view name);

/// The form of a query service: the parameters, flattened. Empty lists are left out.
Fields form_of(const Service& service, std::string_view action, const nlohmann::json& parameters);

/// An answer in XML as JSON: texts stay texts, lists become arrays; an empty element is null, which
/// may have been an empty list. InvalidArgument when it is no XML.
Result<nlohmann::json> json_of_xml(const Service& service, std::string_view document);

/// The actions of the table, by name with JSON parameters as AWS documents them. Safe from several
/// threads; blocks.
class Services {
 public:
  /// `limiter` may be null, and outlives this. Credentials, region and endpoints come from `env`.
  Services(Outside outside, Environment env, RateLimiter* limiter = nullptr);
  virtual ~Services() = default;
  Services(const Services&) = delete;
  Services& operator=(const Services&) = delete;

  struct Options {
    Lane lane = Lane::Reconcile;
    std::string region{};  ///< empty = the environment's
    std::stop_token stop{};
  };

  /// Does an action. Unimplemented when it is not in the table.
  virtual Answer<nlohmann::json> call(std::string_view service, std::string_view action,
                                      const nlohmann::json& parameters, const Options& options);

  /// Does a listing page by page, until the last one or until `each` returns false.
  Answer<void> pages(std::string_view service, std::string_view action, nlohmann::json parameters,
                     const Options& options,
                     const std::function<bool(const nlohmann::json&)>& each);

 private:
  const Environment env_;
  const std::string region_;
  CachedCredentials credentials_;
  Caller caller_;
};

}  // namespace pixell::aws
