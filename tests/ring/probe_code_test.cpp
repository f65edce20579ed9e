// Probes cost production nothing: publish and poll are compiled as they are and once more from a copy of
// the headers without the lines that hold the probes; the machine code must be the same.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace {

namespace fs = std::filesystem;

const char* const paths_of_an_event = R"(
#include <evbus/evbus.hpp>
evbus::published publish(evbus::publisher& p, const evbus::topic& t, std::span<const std::byte> b) { return p.publish(t, b); }
std::size_t poll(evbus::subscriber& s, std::size_t& sum) {
    return s.poll([&](const evbus::event& e) { sum += e.payload().size(); });
}
)";

std::string read(const fs::path& p) {
    std::stringstream text;
    text << std::ifstream(p).rdbuf();
    return text.str();
}

/// Copies a header without its probes; returns how many lines it left out.
std::size_t copy_without_probes(const fs::path& from, const fs::path& to) {
    fs::create_directories(to.parent_path());
    std::ifstream in(from);
    std::ofstream out(to);
    std::size_t left_out = 0;
    for (std::string line; std::getline(in, line);) {
        if (line.find("mark(probe::") != std::string::npos) ++left_out;
        else out << line << '\n';
    }
    return left_out;
}

bool run(const std::string& command) { return std::system(command.c_str()) == 0; }

std::string machine_code(const fs::path& dir, const fs::path& include, const std::string& extra, const std::string& name) {
    const std::string object = (dir / (name + ".o")).string(), text = (dir / (name + ".txt")).string();
    REQUIRE(run(std::string(EVBUS_CXX) + " -std=c++20 -O2 -I" + include.string() + " -I" EVBUS_SOURCE_DIR " " + extra + " -c " +
                (dir / "paths.cpp").string() + " -o " + object));
    REQUIRE(run("cd " + dir.string() + " && objdump -d --no-show-raw-insn " + object + " | tail -n +4 > " + text));
    return read(text);
}

} // namespace

TEST_CASE("probe: the machine code of publish and poll is the same with and without probes in the source") {
    char name[] = "/tmp/evbus-test-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    const fs::path dir = name;
    std::ofstream(dir / "paths.cpp") << paths_of_an_event;
    const fs::path source = fs::path(EVBUS_SOURCE_DIR) / "include";
    std::size_t left_out = 0;
    for (const auto& entry : fs::recursive_directory_iterator(source))
        if (entry.path().extension() == ".hpp")
            left_out += copy_without_probes(entry.path(), dir / "include" / fs::relative(entry.path(), source));
    CHECK(left_out > 40);

    const std::string with = machine_code(dir, source, "", "with");
    CHECK(with.size() > 1000);
    CHECK((with == machine_code(dir, dir / "include", "", "without")));
    // And the comparison can tell: with a policy that does something it is not the same.
    const std::string probed = machine_code(dir, source, "'-DEVBUS_PROBES=\"tests/support/probes.hpp\"'", "probed");
    CHECK((with != probed));
    fs::remove_all(dir);
}
