#include "tools/cli/options.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <unistd.h>

using namespace std::chrono_literals;

namespace {

enum class sync_mode { none, interval, commit };

// A command with one flag of each kind, and what a command line made of it.
struct fixture {
    bool follow = false;
    std::uint64_t lines = 10;
    std::optional<std::uint64_t> limit;
    std::uint64_t segment = 1 << 20;
    cli::nanoseconds idle = 1s;
    std::optional<cli::time_ns> since;
    double rate = 0;
    sync_mode sync = sync_mode::interval;
    std::string bus;
    std::string format;
    std::vector<std::string> filters, exclude;
    std::ostringstream out, err;
    cli::command cmd{"evtest", "tests the flags", "  evtest md -f\n"};

    fixture() {
        cmd.positional("BUS", bus, "name of the bus").positionals("FILTER", filters, "topics to show");
        cmd.flag("-f,--follow", follow, "go on");
        cmd.count("-n,--lines", lines, "how many", {1, 1000});
        cmd.count("-c,--count", limit, "end after");
        cmd.size("--segment-bytes", segment, "bytes of a segment", {4096, 1ULL << 40});
        cmd.duration("--idle", idle, "end after idling", {1ms, 1h});
        cmd.time("-S,--since", since, "from then on");
        cmd.rate("--rate", rate, "events a second");
        cmd.choice<sync_mode>(
            "--sync", sync,
            {{"none", sync_mode::none}, {"interval", sync_mode::interval}, {"commit", sync_mode::commit}},
            "when to sync");
        cmd.text("-F,--format", format, "TEMPLATE", "of a line");
        cmd.texts("-x,--exclude", exclude, "FILTER", "not these");
        cmd.config();
    }

    std::optional<int> parse(std::vector<const char*> words) {
        words.insert(words.begin(), "evtest");
        return cmd.parse(static_cast<int>(words.size()), words.data(), out, err);
    }
};

// The message of a command line that is refused.
std::string refusal(std::vector<const char*> words) {
    fixture f;
    const auto code = f.parse(std::move(words));
    CHECK(code == cli::exit_failed);
    CHECK(f.out.str().empty());
    CHECK(f.err.str().starts_with("evtest: "));
    CHECK(f.err.str().find("evtest --help") != std::string::npos);
    return f.err.str();
}

bool holds(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

} // namespace

TEST_CASE("options: what is not given keeps its value") {
    fixture f;
    CHECK_FALSE(f.parse({"md"}));
    CHECK(f.bus == "md");
    CHECK_FALSE(f.follow);
    CHECK(f.lines == 10);
    CHECK_FALSE(f.limit);
    CHECK_FALSE(f.since);
    CHECK(f.sync == sync_mode::interval);
    CHECK(f.err.str().empty());
}

TEST_CASE("options: each kind of value is read") {
    fixture f;
    CHECK_FALSE(f.parse({"md",     "a.>",   "b",  "-f",          "-n",     "100",   "-c5",    "--segment-bytes=64K",
                         "--idle", "250ms", "-S", "@1795167000", "--rate", "10k/s", "--sync", "commit",
                         "-F",     "%s %t", "-x", "a.x",         "-x",     "a.y"}));
    CHECK(f.filters == std::vector<std::string>{"a.>", "b"});
    CHECK(f.follow);
    CHECK(f.lines == 100);
    CHECK(f.limit == 5);
    CHECK(f.segment == 65536);
    CHECK(f.idle == 250ms);
    CHECK(f.since == 1795167000'000000000);
    CHECK(f.rate == 10000);
    CHECK(f.sync == sync_mode::commit);
    CHECK(f.format == "%s %t");
    CHECK(f.exclude == std::vector<std::string>{"a.x", "a.y"});
}

TEST_CASE("options: a value may begin with a dash, and -- ends the flags") {
    fixture f;
    CHECK_FALSE(f.parse({"-S", "-5m", "md", "--", "-f"}));
    CHECK(f.since);
    CHECK(f.filters == std::vector<std::string>{"-f"});
    CHECK_FALSE(f.follow);
}

TEST_CASE("options: a repeated exclusion takes one word each, and leaves the rest to the positionals") {
    fixture f;
    CHECK_FALSE(f.parse({"-x", "a", "md", "b"}));
    CHECK(f.exclude == std::vector<std::string>{"a"});
    CHECK(f.bus == "md");
    CHECK(f.filters == std::vector<std::string>{"b"});
}

TEST_CASE("options: of a single value the last one counts") {
    fixture f;
    CHECK_FALSE(f.parse({"md", "-n", "3", "-n", "4"}));
    CHECK(f.lines == 4);
}

TEST_CASE("options: --help goes to the output with the examples before the flags") {
    fixture f;
    CHECK(f.parse({"--help"}) == cli::exit_fine);
    const std::string help = f.out.str();
    CHECK(f.err.str().empty());
    CHECK(holds(help, "evtest: tests the flags"));
    CHECK(help.find("evtest md -f") < help.find("--follow"));
    CHECK(holds(help, "BUS"));
    CHECK(holds(help, "--idle DURATION"));
    CHECK(holds(help, "none|interval|commit"));
}

TEST_CASE("options: --version names tool and version") {
    fixture f;
    CHECK(f.parse({"--version"}) == cli::exit_fine);
    CHECK(f.out.str() == "evtest 0.1.0\n");
}

TEST_CASE("options: an unknown flag is named, and what it was meant to be") {
    CHECK(holds(refusal({"md", "--folow"}), "unknown flag --folow (did you mean --follow?)"));
    CHECK(holds(refusal({"md", "--quite-another"}), "unknown flag --quite-another;"));
    CHECK(holds(refusal({"md", "-z"}), "unknown flag -z"));
}

TEST_CASE("options: a bad value is told under its flag, with what would be right") {
    CHECK(holds(refusal({"md", "--idle", "5x"}), "--idle: read duration: '5x': has an unknown unit; write"));
    CHECK(holds(refusal({"md", "-n", "0"}), "--lines: '0': is not within 1 .. 1000"));
    CHECK(holds(refusal({"md", "--segment-bytes", "1K"}), "'1K': is not within 4 KiB .. 1 TiB"));
    CHECK(holds(refusal({"md", "--idle", "2h"}), "is not within 1ms .. 1h"));
    CHECK(holds(refusal({"md", "--sync", "always"}), "--sync: 'always': is none of none|interval|commit"));
    CHECK(holds(refusal({"md", "-S", "soon"}), "'soon': is no time"));
    CHECK(holds(refusal({"md", "-n"}), "--lines"));
}

TEST_CASE("options: a missing positional is named") { CHECK(holds(refusal({"-f"}), "BUS")); }

TEST_CASE("options: flags may stand in a file, and the command line wins") {
    char path[] = "/tmp/evbus-options-XXXXXX";
    const int fd = mkstemp(path);
    REQUIRE(fd >= 0);
    close(fd);
    std::ofstream(path) << "idle = \"250ms\"\nlines = 7\nfollow = true\nexclude = [\"a\", \"b\"]\n";
    fixture f;
    CHECK_FALSE(f.parse({"md", "--config", path, "-n", "8"}));
    CHECK(f.idle == 250ms);
    CHECK(f.lines == 8);
    CHECK(f.follow);
    CHECK(f.exclude == std::vector<std::string>{"a", "b"});

    std::ofstream(path) << "idel = \"250ms\"\n";
    CHECK(holds(refusal({"md", "--config", path}), "idel"));
    std::ofstream(path) << "idle = \"soon\"\n";
    CHECK(holds(refusal({"md", "--config", path}), "--idle"));
    std::remove(path);
    CHECK(holds(refusal({"md", "--config", path}), path));
}

TEST_CASE("options: a subcommand has flags of its own") {
    std::ostringstream out, err;
    bool force = false;
    std::string name;
    const auto parse = [&](std::vector<const char*> words) {
        cli::command cmd("evtest", "with commands", "  evtest remove md\n");
        cli::command& list = cmd.subcommand("list", "lists");
        cli::command& remove = cmd.subcommand("remove", "removes", "  evtest remove md --force\n");
        remove.positional("BUS", name, "which").flag("--force", force, "even if alive");
        words.insert(words.begin(), "evtest");
        const auto code = cmd.parse(static_cast<int>(words.size()), words.data(), out, err);
        if (!code) CHECK(remove.chosen() != list.chosen());
        return code;
    };
    CHECK_FALSE(parse({"remove", "md", "--force"}));
    CHECK(force);
    CHECK(name == "md");
    CHECK_FALSE(parse({"list"}));
    CHECK(parse({"remove", "--help"}) == 0);
    CHECK(holds(out.str(), "evtest remove: removes\n"));
    CHECK(out.str().find("evtest remove md --force") < out.str().find("Usage:"));
    CHECK(out.str().find("even if alive") > out.str().find("Usage:"));
    out.str({});
    CHECK(parse({"--help"}) == 0); // where only the summary of each has room
    CHECK(!holds(out.str(), "md --force"));
    CHECK(parse({}) == 2);
    CHECK(holds(err.str(), "no command was given; there are list, remove"));
    CHECK(parse({"remov"}) == 2);
    CHECK(holds(err.str(), "'remov' is no command (did you mean remove?)"));
    CHECK(parse({"nonsense", "md"}) == 2);
    CHECK(holds(err.str(), "'nonsense' is no command; there are list, remove"));
    CHECK(parse({"--nonsense"}) == 2);
    CHECK(holds(err.str(), "unknown flag --nonsense"));
    CHECK(parse({"remove", "md", "--forse"}) == 2);
    CHECK(holds(err.str(), "--forse (did you mean --force?)"));
}
