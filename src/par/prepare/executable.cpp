#include "par/prepare/executable.hpp"

#include <elf.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <cstring>
#include <fstream>
#include <optional>

#include "model/language.hpp"
#include "par/prepare/limits.hpp"

namespace pixell::prepare {

namespace fs = std::filesystem;
using model::Cause;

namespace {

// The first bytes of a file: enough for an ELF header with its program headers, or a #! line.
std::string head_of(const fs::path& path) {
  std::string head(kProgramHeadBytes, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(file.gcount()));
  return head;
}

template <class T>
std::optional<T> read_at(std::string_view bytes, std::size_t offset) {
  T value;
  if (offset > bytes.size() || bytes.size() - offset < sizeof value) return std::nullopt;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

std::string machine_name(unsigned machine) {
  switch (machine) {
    case EM_X86_64:
      return "x86_64";
    case EM_AARCH64:
      return "aarch64";
    case EM_386:
      return "i386";
    case EM_ARM:
      return "arm";
    case EM_RISCV:
      return "riscv";
    case EM_PPC64:
      return "ppc64";
    case EM_S390:
      return "s390x";
    default:
      return fmt::format("machine {}", machine);
  }
}

// The dynamic loader an ELF program asks for; empty when it is linked statically.
std::string loader_of(std::string_view head, const Elf64_Ehdr& header) {
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    const auto part =
        read_at<Elf64_Phdr>(head, header.e_phoff + std::size_t{i} * sizeof(Elf64_Phdr));
    if (!part || part->p_type != PT_INTERP) continue;
    if (part->p_offset > head.size()) return {};
    const std::string_view rest = head.substr(part->p_offset);
    return std::string(rest.substr(0, rest.find('\0')));
  }
  return {};
}

apkg::Checked<void> check_elf(const std::string& name, std::string_view head) {
  // The machine of this very program is the machine agents run on.
  const std::string own = head_of("/proc/self/exe");
  const auto ours = read_at<Elf64_Ehdr>(own, 0);
  const auto theirs = read_at<Elf64_Ehdr>(head, 0);
  const bool is_same = ours && theirs && ours->e_machine == theirs->e_machine &&
                       ours->e_ident[EI_CLASS] == theirs->e_ident[EI_CLASS] &&
                       ours->e_ident[EI_DATA] == theirs->e_ident[EI_DATA];
  if (!is_same)
    return apkg::refuse(
        Cause::WrongArchitecture, fmt::format("{} is made for another machine", name),
        {fmt::format("{} is for {}, this machine is {}", name,
                     theirs ? machine_name(theirs->e_machine) : std::string("nothing: cut short"),
                     ours ? machine_name(ours->e_machine) : std::string("unknown"))});
  const std::string loader = loader_of(head, *theirs);
  if (loader.empty() || fs::exists(loader)) return {};
  return apkg::refuse(Cause::WrongArchitecture,
                      fmt::format("{} needs a dynamic loader that is not here", name),
                      {"it asks for " + loader},
                      "Link the program statically, or build it for this system's C library.");
}

apkg::Checked<void> check_script(const std::string& name, std::string_view head) {
  std::string_view line =
      head.substr(2, head.find('\n') == head.npos ? head.npos : head.find('\n') - 2);
  while (line.starts_with(' ') || line.starts_with('\t')) line.remove_prefix(1);
  const std::string interpreter(line.substr(0, line.find_first_of(" \t")));
  std::error_code failed;
  if (interpreter.starts_with('/') && fs::exists(interpreter, failed)) return {};
  const bool has_return = interpreter.ends_with('\r');
  return apkg::refuse(
      Cause::WrongRuntime, fmt::format("the interpreter of {} is not here", name),
      {fmt::format("first line: #!{}", line.substr(0, line.find('\r'))),
       has_return ? "the line ends in a carriage return" : interpreter + " does not exist"},
      has_return ? "Save the script with Unix line ends."
                 : "Install the interpreter, or name one that exists in the first line.");
}

apkg::Checked<void> check_surfaces(const model::Manifest& manifest) {
  std::vector<std::string> wrong;
  if (manifest.rest) wrong.push_back("rest.entry: " + manifest.rest->entry);
  if (manifest.a2a && !manifest.a2a->entry.empty())
    wrong.push_back("a2a.entry: " + manifest.a2a->entry);
  if (!manifest.http_server.empty()) wrong.push_back("http_server: " + manifest.http_server);
  if (wrong.empty()) return {};
  return apkg::refuse(Cause::ManifestInvalid,
                      "an executable serves all HTTP by itself; it has no modules to load",
                      std::move(wrong), "Remove these entries from agent.yaml.");
}

// What lies where the program should be, for the evidence.
std::string neighbours_of(const fs::path& root, const fs::path& program) {
  std::string names;
  std::error_code failed;
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(program.parent_path(), failed)) {
    if (++count > kEvidenceLines) break;
    names += (names.empty() ? "" : ", ") + entry.path().filename().string();
  }
  const std::string folder = program.parent_path().lexically_relative(root).string();
  return failed ? fmt::format("there is no folder {}", folder)
                : fmt::format("{} has: {}", folder == "." ? "the package" : folder, names);
}

}  // namespace

apkg::Checked<std::vector<std::string>> check_executable(const fs::path& root,
                                                         const model::Manifest& manifest,
                                                         bool may_change_mode) {
  CHECKED_TRY_VOID(check_surfaces(manifest));
  auto command = model::exec_command(manifest.entrypoint);
  if (!command)
    return apkg::refuse(Cause::ManifestInvalid, command.error().message,
                        {"entrypoint: " + manifest.entrypoint});
  const std::string name = command->front();
  std::error_code failed;
  const fs::path top = fs::canonical(root, failed);
  const fs::path program = fs::weakly_canonical(top / name, failed);
  const fs::path inside = program.lexically_relative(top);
  if (fs::path(name).is_absolute() || inside.empty() || *inside.begin() == "..")
    return apkg::refuse(Cause::ManifestInvalid, "exec: must name a file of the package",
                        {"entrypoint: " + manifest.entrypoint});
  if (!fs::is_regular_file(program, failed))
    return apkg::refuse(Cause::HandlerMissing, fmt::format("the package has no file {}", name),
                        {neighbours_of(top, program)},
                        "Put the program into the package, or correct entrypoint in agent.yaml.");
  const std::string head = head_of(program);
  if (head.starts_with(ELFMAG)) {
    CHECKED_TRY_VOID(check_elf(name, head));
  } else if (head.starts_with("#!")) {
    CHECKED_TRY_VOID(check_script(name, head));
  } else {
    return apkg::refuse(Cause::WrongArchitecture,
                        fmt::format("{} is no program this system can start", name),
                        {"exec format error: it is neither ELF nor a script with #!",
                         fmt::format("it begins with the bytes {:02x}",
                                     fmt::join(std::string_view(head).substr(0, 8), " "))},
                        "Ship a Linux program, or begin the script with #! and its interpreter.");
  }
  if (may_change_mode) ::chmod(program.c_str(), 0755);
  struct stat info {};
  if (::stat(program.c_str(), &info) != 0 || (info.st_mode & S_IXUSR) == 0)
    return apkg::refuse(Cause::HandlerMissing, fmt::format("{} is not executable", name),
                        {fmt::format("its mode is {:o}", info.st_mode & 07777U)},
                        fmt::format("Run `chmod +x {}`.", name));
  command->front() = program.string();
  return std::move(*command);
}

}  // namespace pixell::prepare
