// docs/consumers.md as its reader would go through it: its code is the examples', its commands say what it shows.
#include "tests/examples/clean_machine.hpp"
#include "tests/examples/documented.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

using namespace examples_test;
namespace fs = std::filesystem;

namespace {

const std::string document = std::string(EVBUS_SOURCE_DIR) + "/docs/consumers.md";
const std::string example_dir = std::string(EVBUS_SOURCE_DIR) + "/docs/examples";

std::string read_text(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// A shell of a newcomer: the tools and the examples are in its PATH, `&` and `kill %N` are understood.
class shell {
public:
    explicit shell(const clean_machine& on) : machine_(on) {
        fs::create_directories(machine_.home() + "/bin");
        for (const auto& source : fs::directory_iterator(example_dir))
            if (source.path().extension() == ".cpp")
                fs::create_symlink(clean_machine::program(source.path().stem().string()), machine_.home() + "/bin/" + source.path().stem().string());
    }

    /// Everything it said.
    std::string run(const std::string& command) {
        if (command.ends_with(" &")) {
            jobs_.emplace_back(start("exec " + command.substr(0, command.size() - 2)));
            return {};
        }
        if (command.starts_with("kill %")) {
            support::process& job = jobs_.at(std::stoul(command.substr(6)) - 1);
            job.signal(SIGTERM);
            const support::finished f = job.wait();
            CHECK(f.code == 0);
            return f.out;
        }
        std::string said = start("(" + command + ") 2>&1").wait().out;
        if (!said.empty() && !said.ends_with('\n')) said += '\n'; // as a document shows it
        return said;
    }

private:
    [[nodiscard]] support::process start(const std::string& command) const {
        support::process::options how = machine_.environment();
        const std::string tools = fs::path(support::tool("evlog")).parent_path().string();
        how.environment.push_back("PATH=" + machine_.home() + "/bin:" + tools + ":" + std::getenv("PATH"));
        return support::process({"sh", "-c", "cd '" + machine_.home() + "' && " + command}, how);
    }
    const clean_machine& machine_;
    std::vector<support::process> jobs_;
};

/// Asks and changes nothing: what it is about may need a moment, and it is asked again.
bool is_question(const std::string& command) {
    const bool asks = command.starts_with("evtail ") || command.starts_with("evlog ");
    return asks && command.find(" requeue ") == std::string::npos;
}

} // namespace

TEST_CASE("docs/consumers.md: each piece of code stands in an example as it is") {
    std::string all;
    for (const auto& source : fs::directory_iterator(example_dir)) all += read_text(source.path().string());
    const std::vector<std::string> pieces = blocks_of(document, "cpp");
    CHECK(pieces.size() >= 5);
    for (const std::string& piece : pieces) {
        CAPTURE(piece);
        CHECK(all.find(piece) != std::string::npos);
    }
}

TEST_CASE("docs/consumers.md: each command says what is shown") {
    const clean_machine machine("orders");
    shell sh(machine);
    const std::vector<step> steps = steps_of(blocks_of(document, "console"));
    CHECK(steps.size() >= 15);
    for (const step& s : steps) {
        CAPTURE(s.command);
        std::string said = sh.run(s.command);
        for (int again = 0; is_question(s.command) && !is_as_shown(said, s.says) && again < 1000; ++again) {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
            said = sh.run(s.command);
        }
        CAPTURE(said);
        CHECK_MESSAGE(is_as_shown(said, s.says), "shown is:\n", s.says);
    }
}

TEST_CASE("docs/consumers.md: an example without its bus says so, and ends in good order") {
    const clean_machine machine("orders");
    shell sh(machine);
    for (const char* const example : {"list_orders", "count_orders", "durable_worker"}) {
        const std::string said = sh.run(std::string(example) + "; echo \"ends with $?\"");
        CAPTURE(said);
        CHECK(said.find("there is no such bus; create it with evctl create") != std::string::npos);
        CHECK(said.ends_with("ends with 2\n"));
    }
}

TEST_CASE("docs/consumers.md: dots stand for anything, and for nothing else") {
    CHECK(is_as_shown("a\n", "a\n"));
    CHECK(!is_as_shown("a\nb\n", "a\n"));
    CHECK(is_as_shown("a 17 b\n", "a ... b\n"));
    CHECK(!is_as_shown("a 17 c\n", "a ... b\n"));
    CHECK(is_as_shown("a\nb\nc\n", "a\n...\n"));
    CHECK(is_as_shown("1 x 2 y\n", "1 ... 2 ...\n"));
    CHECK(!is_as_shown("2 x\n", "1 ... 2 ...\n"));
}
