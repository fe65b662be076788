// Runs a fuzz target without a fuzzer: every file of its corpus as it is, then mutations of them
// from a fixed seed. The same target links against libFuzzer for longer hunts (`./dev fuzz NAME`).

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void run(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

std::string mutate(std::string input, const std::vector<std::string>& corpus, std::mt19937& dice) {
  for (unsigned edits = 1 + dice() % 4; edits > 0; --edits) {
    const std::size_t at = input.empty() ? 0 : dice() % input.size();
    switch (dice() % 5) {
      case 0:
        if (!input.empty()) input[at] = static_cast<char>(dice());
        break;
      case 1:
        input.insert(at, 1, static_cast<char>(dice()));
        break;
      case 2:
        input.erase(at, dice() % 8);
        break;
      case 3:
        input.insert(at, input.substr(at, dice() % 16));
        break;
      default: {
        const std::string& other = corpus[dice() % corpus.size()];
        const std::size_t from = other.empty() ? 0 : dice() % other.size();
        input.insert(at, other.substr(from, dice() % 64));
        break;
      }
    }
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s CORPUS_DIRECTORY MUTATIONS\n", argv[0]);
    return 2;
  }
  std::vector<std::string> corpus;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    std::ifstream file(entry.path(), std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  if (corpus.empty()) {
    std::fprintf(stderr, "%s holds no inputs\n", argv[1]);
    return 2;
  }
  for (const std::string& input : corpus) run(input);
  std::mt19937 dice(20'231'123);
  const long mutations = std::atol(argv[2]);
  for (long i = 0; i < mutations; ++i) run(mutate(corpus[dice() % corpus.size()], corpus, dice));
  std::printf("%zu inputs and %ld mutations\n", corpus.size(), mutations);
  return 0;
}
