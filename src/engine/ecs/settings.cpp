#include "engine/ecs/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <set>
#include <string_view>

#include "aws/endpoint.hpp"
#include "engine/ecs/limits.hpp"

namespace pixell::engine::ecs {

namespace {

constexpr std::size_t kMaxName = 512;  // of a log group, the longest
constexpr std::size_t kMaxNamespace = 253;
constexpr std::size_t kMaxInstallation = 64;

bool has_only(std::string_view text, std::string_view beside) {
  return std::all_of(text.begin(), text.end(), [beside](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           beside.find(c) != std::string_view::npos;
  });
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxServiceName && has_only(text, "-_");
}

bool is_log_group(std::string_view text) {
  return !text.empty() && text.size() <= kMaxName && has_only(text, "-_/.#");
}

bool is_namespace_or_nothing(std::string_view text) {
  return text.size() <= kMaxNamespace && has_only(text, "-_.");
}

// ECS takes a tag, which may be another image tomorrow; a revision must not.
bool is_pinned_image(std::string_view text) {
  const std::size_t at = text.find("@sha256:");
  if (at == 0 || at == std::string_view::npos) return false;
  const std::string_view digest = text.substr(at + 8);
  return digest.size() == 64 && has_only(text.substr(0, at), "-_./:") &&
         std::all_of(digest.begin(), digest.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_arn(std::string_view text, std::string_view service, std::string_view kind) {
  return text.starts_with("arn:aws") && has_only(text, "-_/.:+=,@") &&
         text.find(fmt::format(":{}:", service)) != std::string_view::npos &&
         text.find(fmt::format(":{}/", kind)) != std::string_view::npos;
}

bool is_role(std::string_view text) { return is_arn(text, "iam", "role"); }
bool is_listener(std::string_view text) {
  return is_arn(text, "elasticloadbalancing", "listener/app");
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    parts.push_back(list.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

// A listener's ARN is its load balancer's and one part more. Two of the same share its limits.
bool has_two_of_a_balancer(const std::vector<std::string>& listeners) {
  std::set<std::string> seen;
  return !std::all_of(listeners.begin(), listeners.end(), [&seen](const std::string& arn) {
    return seen.insert(arn.substr(0, arn.rfind('/'))).second;
  });
}

bool is_bucket(std::string_view text) {
  return text.size() >= 3 && text.size() <= 63 && text.front() != '-' && text.front() != '.' &&
         text.back() != '-' && text.back() != '.' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
         });
}

bool is_multiplier(std::string_view text) {
  double value = -1;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
  return wrong == std::errc() && end == text.data() + text.size() && value >= 0 && value <= 1000;
}

/// Takes variables out of an environment and notes what is wrong with them.
class Reader {
 public:
  explicit Reader(const aws::Environment& env) : env_(env) {}

  /// A text with which `is_good` agrees; what was there stays when the variable is not set.
  void text(const char* name, std::string& into, bool (*is_good)(std::string_view),
            std::string_view remedy) {
    if (const std::string value = aws::value_of(env_, name); !value.empty()) into = value;
    if (!is_good(into)) wrong(name, into, remedy);
  }

  void number(const char* name, int& into, int least, int most) {
    const std::string value = aws::value_of(env_, name);
    if (value.empty()) return;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), into);
    if (error != std::errc() || end != value.data() + value.size() || into < least || into > most)
      wrong(name, value, fmt::format("give a whole number from {} to {}", least, most));
  }

  /// 0, or days that Secrets Manager takes.
  void recovery(const char* name, int& into) {
    if (aws::value_of(env_, name) == "0")
      into = 0;
    else
      number(name, into, kMinRecoveryDays, kMaxRecoveryDays);
  }

  /// One listener for each load balancer, by either variable.
  void listeners(std::vector<std::string>& into, bool is_needed) {
    const std::string one = aws::value_of(env_, "PAC_ECS_LISTENER");
    const std::string several = aws::value_of(env_, "PAC_ECS_LISTENERS");
    if (!one.empty() && !several.empty())
      return wrong("PAC_ECS_LISTENER", one, "it is set beside PAC_ECS_LISTENERS: give one of both");
    const char* name = several.empty() ? "PAC_ECS_LISTENER" : "PAC_ECS_LISTENERS";
    const std::string value = several.empty() ? one : several;
    if (value.empty() && !is_needed) return;
    into = split(value);
    if (!std::all_of(into.begin(), into.end(), is_listener) || has_two_of_a_balancer(into) ||
        into.size() > kMaxListeners)
      wrong(name, value,
            fmt::format("give the ARN of an HTTPS listener of an Application Load Balancer, up to "
                        "{} of different ones by commas in PAC_ECS_LISTENERS, or "
                        "PAC_ECS_ROUTING=edge",
                        kMaxListeners));
  }

  /// Ids of one kind, by commas.
  void ids(const char* name, std::vector<std::string>& into, std::string_view prefix,
           std::size_t most) {
    const std::string value = aws::value_of(env_, name);
    into = split(value);
    const std::set<std::string> different(into.begin(), into.end());
    const bool is_good = std::all_of(into.begin(), into.end(), [&](const std::string& id) {
      return id.starts_with(prefix) && id.size() > prefix.size() && has_only(id, "-");
    });
    if (!is_good || different.size() != into.size() || into.size() > most)
      wrong(name, value, fmt::format("give 1 to {} different ids, {}…, by commas", most, prefix));
  }

  /// Index of the value among those that are allowed; 0 when it is not set.
  std::size_t choice(const char* name, const std::vector<std::string_view>& allowed) {
    const std::string value = aws::value_of(env_, name);
    const auto found = std::find(allowed.begin(), allowed.end(), value);
    if (value.empty()) return 0;
    if (found != allowed.end()) return std::size_t(found - allowed.begin());
    wrong(name, value, fmt::format("give {}", fmt::join(allowed, " or ")));
    return 0;
  }

  void wrong(const char* name, std::string_view value, std::string_view remedy) {
    if (!faults_.empty()) faults_ += '\n';
    faults_ += value.empty() ? fmt::format("{} is not set: {}", name, remedy)
                             : fmt::format("{}={}: {}", name, value, remedy);
  }

  void note(const Result<void>& checked) {
    if (checked) return;
    if (!faults_.empty()) faults_ += '\n';
    faults_ += checked.error().message;
  }

  const std::string& faults() const { return faults_; }

 private:
  const aws::Environment& env_;
  std::string faults_;
};

void read_places(Reader& reader, Settings& settings) {
  reader.text("AWS_REGION", settings.region, aws::is_region, "give a region such as us-east-2");
  reader.text("PAC_ECS_CLUSTER", settings.cluster, is_name,
              "give the cluster's name, up to 255 letters, digits, hyphens and underscores");
  reader.text(
      "PAC_ECS_INSTALLATION", settings.installation,
      [](std::string_view text) { return text.empty() || is_installation(text); },
      "give 1 to 64 of a-z, 0-9 and '-'");
  reader.ids("PAC_ECS_SUBNETS", settings.subnets, "subnet-", kMaxSubnets);
  reader.ids("PAC_ECS_SECURITY_GROUPS", settings.security_groups, "sg-", kMaxSecurityGroups);
  settings.has_public_address = reader.choice("PAC_ECS_PUBLIC_ADDRESS", {"false", "true"}) == 1;
  reader.text("PAC_ECS_NAMESPACE", settings.discovery, is_namespace_or_nothing,
              "give the name of a namespace of Cloud Map, up to 253 letters, digits and -_.");
  const bool has_alb = reader.choice("PAC_ECS_ROUTING", {"edge", "alb"}) == 1;
  reader.listeners(settings.listeners, has_alb);
  if (!has_alb) return;
  settings.routing = Routing::Alb;
  reader.text(
      "PAC_ECS_VPC", settings.vpc,
      [](std::string_view id) { return id.starts_with("vpc-") && has_only(id, "-"); },
      "give the id of the VPC of the subnets, vpc-…");
}

void read_task(Reader& reader, Settings& settings) {
  reader.text("PAC_ECS_IMAGE", settings.image, is_pinned_image,
              "give the image by its digest, <repository>@sha256:<64 hex digits>");
  reader.text("PAC_ECS_EXECUTION_ROLE", settings.execution_role, is_role,
              "give the ARN of the role that pulls the image, reads secrets and writes logs");
  reader.text("PAC_ECS_TASK_ROLE", settings.task_role, is_role,
              "give the ARN of the role that agents have; it needs s3:GetObject for packages");
  if (reader.choice("PAC_ECS_ARCHITECTURE", {"X86_64", "ARM64"}) == 1)
    settings.architecture = "ARM64";
  reader.text("PAC_ECS_LOG_GROUP", settings.log_group, is_log_group,
              "give up to 512 letters, digits and -_/.#");
  reader.text(
      "PAC_ECS_NAME_PREFIX", settings.prefixes.service, [](std::string_view) { return true; }, "");
  reader.text(
      "PAC_ECS_TARGET_GROUP_PREFIX", settings.prefixes.target_group,
      [](std::string_view) { return true; }, "");
  reader.note(check_prefixes(settings.prefixes));
  reader.recovery("PAC_ECS_SECRET_RECOVERY_DAYS", settings.secret_recovery_days);
  reader.text("S3_BUCKET", settings.bucket, is_bucket,
              "give a bucket's name, 3 to 63 small letters, digits, dots and hyphens");
  reader.number("MAX_PACKAGE_SIZE_MB", settings.max_package_mb, 1, 10'000);
  reader.number("BOOT_BUDGET_MS", settings.boot_budget_ms, 1, 3'600'000);
  reader.text("BOOT_HARD_LIMIT_MULTIPLIER", settings.boot_hard_limit, is_multiplier,
              "give a number from 0 (no limit) to 1000");
}

}  // namespace

bool is_installation(std::string_view text) {
  return !text.empty() && text.size() <= kMaxInstallation &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

Result<Settings> read_settings(const aws::Environment& env) {
  Settings settings;
  Reader reader(env);
  read_places(reader, settings);
  read_task(reader, settings);
  if (!reader.faults().empty()) return make_error(ErrorCode::InvalidArgument, reader.faults());
  return settings;
}

}  // namespace pixell::engine::ecs
