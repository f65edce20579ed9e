// Runs a fuzz target without libFuzzer: every file of its corpus, then random mutations of them.
//
//   fuzz_NAME [--rounds N] [--seed N] FILE|DIR...   exit code 0, or 1 when an input ended the process
//   fuzz_NAME --write-seeds DIR                     the inputs that a new corpus starts from
//
// The inputs run in a child, so that whatever happens to it the parent keeps the input that did it, names it,
// and removes the objects in shared memory.
#include "tests/fuzz/target.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fs = std::filesystem;
using fuzz::bytes;

namespace {

constexpr std::size_t longest_input = 64 * 1024;
constexpr unsigned hang_seconds = 120; ///< ends an input that would never return, and judges nothing else

/// What the child is at, seen by its parent.
struct progress {
    std::size_t inputs;
    std::size_t size;
    std::uint8_t data[longest_input];
};

std::vector<bytes> read_all(const std::vector<fs::path>& places) {
    std::vector<fs::path> files;
    for (const fs::path& place : places) {
        if (fs::is_directory(place))
            std::copy(fs::directory_iterator(place), {}, std::back_inserter(files));
        else
            files.push_back(place);
    }
    std::sort(files.begin(), files.end()); // the same order everywhere
    std::vector<bytes> all;
    for (const fs::path& file : files) {
        std::ifstream in(file, std::ios::binary);
        if (!in) throw std::runtime_error("cannot read " + file.string());
        all.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
        all.back().resize(std::min(all.back().size(), longest_input));
    }
    return all;
}

class mutator {
public:
    mutator(const std::vector<bytes>& from, std::uint64_t seed) : from_(&from), engine_(seed) {}

    bytes next() {
        bytes out = one();
        for (std::size_t changes = 1 + below(6); changes != 0; --changes) change(out);
        out.resize(std::min(out.size(), longest_input));
        return out;
    }

private:
    std::size_t below(std::size_t bound) { return engine_() % bound; }
    const bytes& one() { return (*from_)[below(from_->size())]; }
    std::size_t place(const bytes& in) { return below(in.size() + 1); }

    void change(bytes& b) {
        static constexpr std::uint64_t telling[] = {0,
                                                    1,
                                                    7,
                                                    8,
                                                    63,
                                                    64,
                                                    127,
                                                    128,
                                                    255,
                                                    4095,
                                                    4096,
                                                    65535,
                                                    std::uint64_t{1} << 31,
                                                    std::uint64_t{1} << 47,
                                                    std::uint64_t{1} << 63,
                                                    ~std::uint64_t{0}};
        const std::size_t at = place(b);
        const auto where = b.begin() + static_cast<std::ptrdiff_t>(at);
        switch (below(6)) {
        case 0:
            if (at < b.size()) b[at] ^= static_cast<std::uint8_t>(1U << below(8));
            break;
        case 1:
            if (at < b.size()) b[at] = static_cast<std::uint8_t>(below(256));
            break;
        case 2: b.insert(where, static_cast<std::uint8_t>(below(256))); break;
        case 3: b.erase(where, where + static_cast<std::ptrdiff_t>(std::min(b.size() - at, 1 + below(8)))); break;
        case 4: { // a number of the kind that bounds are made of
            const std::uint64_t n = telling[below(std::size(telling))] + below(3) - 1;
            std::memcpy(b.data() + at, &n, std::min<std::size_t>(std::size_t{1} << below(4), b.size() - at));
            break;
        }
        default: { // a piece of another input
            const bytes& other = one();
            const std::size_t begin = place(other);
            const std::size_t length = std::min(other.size() - begin, 1 + below(64));
            b.insert(where, other.begin() + static_cast<std::ptrdiff_t>(begin),
                     other.begin() + static_cast<std::ptrdiff_t>(begin + length));
        }
        }
    }

    const std::vector<bytes>* from_;
    std::mt19937_64 engine_;
};

void run_one(progress& at, const bytes& input) {
    ++at.inputs;
    at.size = input.size();
    std::copy(input.begin(), input.end(), at.data);
    ::alarm(hang_seconds);
    // An exact copy: what reads behind it is found by a sanitizer.
    const bytes exact(input);
    (void)LLVMFuzzerTestOneInput(exact.data(), exact.size());
    ::alarm(0);
}

void remove_objects(const std::string& prefix) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator("/dev/shm", ignored))
        if (entry.path().filename().string().starts_with("evbus." + prefix)) fs::remove(entry.path(), ignored);
}

/// Writes the input that ended the child beside the program's working directory; returns its name.
std::string keep(const progress& at) {
    const std::string file = (fs::temp_directory_path() / ("evbus-" + fuzz::name_prefix() + "crash")).string();
    std::ofstream(file, std::ios::binary)
        .write(reinterpret_cast<const char*>(at.data), static_cast<std::streamsize>(at.size));
    return file;
}

int write_seeds(const fs::path& dir) {
    fs::create_directories(dir);
    std::size_t n = 0;
    for (const bytes& seed : fuzz::seeds())
        std::ofstream(dir / ("seed-" + std::to_string(++n)), std::ios::binary)
            .write(reinterpret_cast<const char*>(seed.data()), static_cast<std::streamsize>(seed.size()));
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    std::uint64_t rounds = 0;
    std::uint64_t seed = 1;
    std::vector<fs::path> places;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const bool takes_value = word == "--rounds" || word == "--seed" || word == "--write-seeds";
        if (takes_value && i + 1 == argc) return std::fprintf(stderr, "%s needs a value\n", word.c_str()), 2;
        if (word == "--write-seeds") return write_seeds(argv[i + 1]);
        if (word == "--rounds")
            rounds = std::strtoull(argv[++i], nullptr, 10);
        else if (word == "--seed")
            seed = std::strtoull(argv[++i], nullptr, 10);
        else
            places.emplace_back(word);
    }
    const std::vector<bytes> corpus = read_all(places);
    if (corpus.empty()) return std::fprintf(stderr, "no input: name files or directories\n"), 2;

    const std::string prefix = fuzz::name_prefix();
    ::setenv("EVBUS_FUZZ_NAME", prefix.c_str(), 1); // the child's too
    void* shared = ::mmap(nullptr, sizeof(progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return std::perror("mmap"), 2;
    progress& at = *static_cast<progress*>(shared);

    const pid_t child = ::fork();
    if (child < 0) return std::perror("fork"), 2;
    if (child == 0) {
        for (const bytes& input : corpus) run_one(at, input);
        mutator random(corpus, seed);
        for (std::uint64_t i = 0; i < rounds; ++i) run_one(at, random.next());
        return 0;
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    remove_objects(prefix);
    std::printf("%zu inputs: %zu of the corpus, then mutations with --seed %llu\n", at.inputs, corpus.size(),
                static_cast<unsigned long long>(seed));
    const std::size_t wanted = corpus.size() + rounds;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && at.inputs == wanted) return 0;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        std::printf("the last input did not return\n");
    else if (WIFSIGNALED(status))
        std::printf("the last input ended the process: signal %d\n", WTERMSIG(status));
    else
        std::printf("the last input ended the process: exit code %d\n", WEXITSTATUS(status));
    std::printf("it is kept in %s\n", keep(at).c_str());
    return 1;
}
