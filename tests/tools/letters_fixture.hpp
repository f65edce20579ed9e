// A bus with letters of its workers, written as a worker writes them, and evlog dead-letters beside it.
#pragma once

#include "tests/tools/evtail_fixture.hpp"

#include <evbus/letters/journal.hpp>

#include <nlohmann/json.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tools_test {

namespace letters = evbus::letters;
using letters::letter_state;

/// 2026-11-20T09:30:00Z.
inline constexpr std::int64_t half_past_nine = 1'795'167'000'000'000'000;

struct letters_fixture : evtail_fixture {
    letters_fixture() { create_logged(); }

    [[nodiscard]] evbus::log::log_dir dir_of_log() const { return {log()}; }
    [[nodiscard]] std::string journal_dir(const std::string& worker) const { return dir_of_log().dead_letters() + "/" + worker; }
    [[nodiscard]] letters::journal open(const std::string& worker, bool read_only = false) const {
        return letters::journal::open(evbus::log::posix(), dir_of_log(), worker, {.bus = bus->id(), .read_only = read_only});
    }

    /// Event `seq` of the bus, published at half past nine, which became a letter a second later.
    struct letter {
        evbus::seq_t seq;
        std::string topic = "orders.new";
        std::string payload = "coffee";
        std::string error = "no route";
        letter_state state = letter_state::dead;
        std::uint32_t attempts = 5;
        evbus::headers headers{};
    };
    void add(const std::string& worker, const std::vector<letter>& all) const {
        letters::journal j = open(worker);
        for (const letter& l : all) {
            const evbus::event e({{l.seq, l.seq}, evbus::topic_hash(l.topic), half_past_nine, {evbus::member_no{5}, 1}, l.topic,
                                  std::as_bytes(std::span(l.payload)), l.headers.view().block()});
            letters::story s{.seq = l.seq, .first_seq = l.seq, .state = l.state, .attempts = l.attempts};
            s.since_ns = half_past_nine + 1'000'000'000;
            s.last_ns = half_past_nine + 31'000'000'000;
            s.due_ns = l.state == letter_state::waiting ? half_past_nine + 61'000'000'000 : 0;
            s.error = l.error;
            REQUIRE(j.add(e, s) == 0);
        }
        REQUIRE(j.write() == 0);
        REQUIRE(j.sync() == 0);
    }
    /// What the journal says of `seq` now; open letters alone.
    [[nodiscard]] letters::story story(const std::string& worker, evbus::seq_t seq) const { return open(worker, true).open_letters().at(seq); }
    /// "17 dead, 18 waiting".
    [[nodiscard]] std::string open_letters(const std::string& worker) const {
        std::string out;
        const letters::journal j = open(worker, true);
        for (const auto& [seq, s] : j.open_letters())
            out += (out.empty() ? "" : ", ") + std::to_string(seq) + " " + to_string(s.state);
        return out;
    }

    [[nodiscard]] finished evlog_of(const std::string& log_or_bus, words more) const {
        more.insert(more.begin(), {support::tool("evlog"), "dead-letters", log_or_bus});
        return run(more, {}, environment());
    }
    [[nodiscard]] finished dead_letters(words more = {}) const { return evlog_of(name(), std::move(more)); }
    [[nodiscard]] std::vector<nlohmann::json> json(words more) const {
        more.push_back("--json");
        std::vector<nlohmann::json> out;
        for (const std::string& line : dead_letters(std::move(more)).out_lines()) out.push_back(nlohmann::json::parse(line));
        return out;
    }
};

} // namespace tools_test
