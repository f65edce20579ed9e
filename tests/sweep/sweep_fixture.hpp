// What every sweep needs: a victim that is killed or stopped at a probe, a page on which it tells its
// parent how far it was, the table of what was tried, and the list of probes that a binary has to reach.
//
//   victim v(page, strike{probe::claim_done, fault::killed}, [&] { ...publish...; return 0; });
//   while (v.runs()) world.step();
#pragma once

#include "tests/ring/process_fixture.hpp"
#include "tests/ring/ring_fixture.hpp"
#include "tests/support/doc_tables.hpp"
#include "tests/support/probes.hpp"

#include <array>
#include <fstream>
#include <functional>
#include <map>
#include <set>

namespace sweep_test {

using namespace ring_test;
using evbus::probe;

inline constexpr std::size_t probe_count = evbus::probe_names.size();

/// What becomes of a process at a probe.
enum class fault : std::uint8_t {
    killed,     ///< at once; readers find the body
    killed_lap, ///< at once; publishers find it, a lap later
    stopped,    ///< until others have gone past it; then it goes on
    lapped,     ///< until others are more than ten laps further; then it goes on
    for_ever,   ///< and killed at the end of the test
};
inline constexpr std::array fault_names = {"killed", "killed, found a lap later", "stopped", "stopped for ten laps",
                                           "stopped for ever"};
inline constexpr std::array all_faults = {fault::killed, fault::killed_lap, fault::stopped, fault::lapped,
                                          fault::for_ever};
[[nodiscard]] constexpr const char* to_string(fault f) noexcept { return fault_names[static_cast<std::size_t>(f)]; }
[[nodiscard]] constexpr bool kills(fault f) noexcept { return f == fault::killed || f == fault::killed_lap; }

/// One fault at one place: the probe is passed `before` times first.
struct strike {
    probe at;
    fault what;
    std::uint64_t before = 0;
};
[[nodiscard]] inline std::string text_of(const strike& s) {
    return std::string(to_string(s.what)) + " at hit " + std::to_string(s.before + 1) + " of " + to_string(s.at);
}

/// Shared by parent and victims: what a victim reached, and what it was told.
struct page_words {
    static constexpr std::size_t most_events = 4096;
    std::array<std::atomic<std::uint64_t>, probe_count> hits;
    std::atomic<std::uint64_t> started;                      ///< events that the victim began to publish
    std::atomic<std::uint64_t> told;                         ///< events of which it was told that they are published
    std::atomic<std::uint64_t> refused;                      ///< publishes that returned something else
    std::atomic<std::uint64_t> given_back;                   ///< as its handle counted
    std::array<std::atomic<std::uint64_t>, most_events> seq; ///< of its n-th event, once told
    std::array<std::atomic<std::uint64_t>, 16> note;         ///< a role's own
};
class shared_page {
public:
    shared_page()
        : words_(static_cast<page_words*>(
              ::mmap(nullptr, sizeof(page_words), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
    shared_page(const shared_page&) = delete;
    ~shared_page() { ::munmap(words_, sizeof(page_words)); }
    page_words* operator->() const { return words_; }
    page_words& operator*() const { return *words_; }

private:
    page_words* words_;
};

/// What the next SIGCONT of this process arms; for a victim that is stopped twice.
struct delayed_strike {
    std::atomic<bool> waiting{false};
    strike then{};
};
inline delayed_strike after_pause;

/// A forked process with a fault in it.
class victim {
public:
    enum class state : std::uint8_t { runs, stopped, killed, ended };

    /// Counts every probe on `page`. Without `at` it only counts. With `pause` it stops there first, and
    /// `at` counts from its going on.
    template <class Work>
    victim(const shared_page& page, std::optional<strike> at, Work&& work, std::optional<strike> pause = std::nullopt)
        : process_([&] {
              probe_test::mine.hits = page->hits.data();
              if (pause) {
                  if (at) after_pause.then = *at;
                  after_pause.waiting.store(at.has_value());
                  ::signal(SIGCONT, [](int) {
                      if (after_pause.waiting.exchange(false)) arm(after_pause.then);
                  });
                  arm(*pause);
              } else if (at) {
                  arm(*at);
              }
              return work();
          }) {}

    /// Looks once, without waiting.
    [[nodiscard]] bool runs() {
        int status = 0;
        const pid_t seen = now_ == state::runs ? ::waitpid(process_.pid(), &status, WNOHANG | WUNTRACED) : 0;
        if (seen <= 0) return now_ == state::runs;
        if (WIFSTOPPED(status))
            now_ = state::stopped;
        else if (WIFSIGNALED(status))
            now_ = WTERMSIG(status) == SIGKILL ? state::killed : state::ended;
        else
            now_ = state::ended;
        code_ = WIFEXITED(status) ? WEXITSTATUS(status) : WIFSIGNALED(status) ? 256 + WTERMSIG(status) : -1;
        return now_ == state::runs;
    }
    [[nodiscard]] state now() const { return now_; }
    [[nodiscard]] bool was_struck() const { return now_ == state::stopped || now_ == state::killed; }
    /// Its exit code, once it has ended.
    [[nodiscard]] int code() const { return code_; }
    /// Is it waiting in the kernel? A flag that says so is set a moment earlier.
    [[nodiscard]] bool sleeps() const {
        std::ifstream in("/proc/" + std::to_string(process_.pid()) + "/stat");
        std::string line;
        std::getline(in, line);
        const std::size_t name_ends = line.rfind(')');
        return name_ends != std::string::npos && line.size() > name_ends + 2 && line[name_ends + 2] == 'S';
    }
    void go_on() {
        now_ = state::runs;
        process_.go_on();
    }
    void kill() {
        if (now_ == state::killed || now_ == state::ended) return;
        process_.kill();
        now_ = state::killed;
    }
    ~victim() {
        if (now_ == state::killed || now_ == state::ended) process_.forget(); // waited for already
    }

private:
    static void arm(const strike& s) { probe_test::arm(s.at, kills(s.what) ? SIGKILL : SIGSTOP, s.before); }

    child process_;
    state now_ = state::runs;
    int code_ = -1;
};

/// What this binary has reached and tried. Lines "role | probe | fault | runs | passed" go to the file
/// that EVBUS_SWEEP_TABLE names (tools/dev.sh sweep).
class sweep_table {
public:
    static sweep_table& instance() {
        static sweep_table table;
        return table;
    }
    void count(const std::string& role, probe at, const std::string& what, bool passed) {
        auto& cell = cells_[{role, to_string(at), what}];
        ++cell.first;
        cell.second += passed ? 1 : 0;
    }
    void reached(const page_words& page) {
        for (std::size_t p = 0; p < probe_count; ++p)
            if (page.hits[p].load() != 0) reached_.insert(evbus::probe_names[p]);
    }
    [[nodiscard]] const std::set<std::string>& reached() const { return reached_; }

private:
    sweep_table() = default;
    ~sweep_table() {
        const char* path = std::getenv("EVBUS_SWEEP_TABLE");
        if (path == nullptr) return;
        std::ofstream out(path, std::ios::app);
        for (const auto& [key, cell] : cells_)
            out << std::get<0>(key) << " | " << std::get<1>(key) << " | " << std::get<2>(key) << " | " << cell.first
                << " | " << cell.second << '\n';
    }
    std::map<std::tuple<std::string, std::string, std::string>, std::pair<int, int>> cells_;
    std::set<std::string> reached_;
};

/// One row of "Step by step" in docs/failure-modes.md.
struct documented_probe {
    std::string name, left_behind, repaired_by, binary;
};
[[nodiscard]] inline std::vector<documented_probe> documented_probes() {
    std::vector<documented_probe> all;
    std::ifstream in(EVBUS_SOURCE_DIR "/docs/failure-modes.md");
    bool inside = false;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("## ")) inside = line == "## Step by step";
        if (!inside || !line.starts_with("| `")) continue;
        const std::vector<std::string> row = evbus_test::doc_cells(line);
        if (row.size() == 4) all.push_back({row[0], row[1], row[2], row[3]});
    }
    return all;
}
/// Probes for which the document names `binary` and which this process has not reached.
[[nodiscard]] inline std::vector<std::string> promised_but_not_reached(const std::string& binary) {
    std::vector<std::string> missing;
    std::size_t promised = 0;
    for (const documented_probe& row : documented_probes()) {
        if (row.binary != binary) continue;
        ++promised;
        if (sweep_table::instance().reached().count(row.name) == 0) missing.push_back(row.name);
    }
    if (promised == 0) missing.push_back("docs/failure-modes.md names no probe for " + binary);
    return missing;
}

/// Times that are worth a strike among `hits`: the first; in full runs the second and the last as well.
[[nodiscard]] inline std::vector<std::uint64_t> places_among(std::uint64_t hits) {
    std::set<std::uint64_t> at;
    if (hits > 0) at.insert(0);
    if (hits > 1 && !is_short()) at.insert({1, hits - 1});
    return {at.begin(), at.end()};
}

} // namespace sweep_test
