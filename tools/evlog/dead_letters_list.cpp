#include "tools/cli/escape.hpp"
#include "tools/cli/exit_codes.hpp"
#include "tools/cli/table.hpp"
#include "tools/cli/units.hpp"
#include "tools/cli/when.hpp"
#include "tools/evlog/dead_letters.hpp"

#include <evbus/error.hpp>

#include <algorithm>
#include <optional>

#include <unistd.h>

namespace evlog {
namespace {

namespace letters = evbus::letters;
using cli::align;
using letters::letter_state;

std::string seconds_text(std::int64_t ns) { return ns == 0 ? "-" : cli::format_iso(ns, cli::zone::local).substr(0, 19); }

// An error may be a page long: on a terminal it takes what the other columns leave of a line.
std::string error_text(const std::string& error) {
    constexpr std::size_t others = 100, least = 24;
    const std::size_t columns = cli::columns(STDOUT_FILENO);
    const std::size_t most = std::max(columns > others ? columns - others : 0, least);
    if (error.empty()) return "-";
    return columns == 0 || error.size() <= most ? error : error.substr(0, most - 3) + "...";
}

std::string tally_text(const std::string& worker, const letters::journal& j, bool waiting_shown) {
    std::uint64_t dead = 0, waiting = 0;
    for (const auto& [seq, s] : j.open_letters()) ++(s.state == letter_state::dead ? dead : waiting);
    std::string text = worker + ": " + (dead == 0 ? "no dead letter" : cli::format_count(dead, "dead letter") + " (" + cli::format_size(j.dead_bytes()) + ")");
    if (waiting != 0)
        text += ", " + cli::format_count(waiting) + (waiting == 1 ? " waits" : " wait") + " for another try" + (waiting_shown ? "" : " (--waiting shows them)");
    return text;
}

std::vector<cli::column> columns(bool with_state) {
    std::vector<cli::column> all{{"WORKER"}, {"SEQ", align::right}, {"TOPIC"}, {"BYTES", align::right}, {"TRIES", align::right}, {"FIRST FAILED"}, {"LAST FAILED"}};
    if (with_state) all.push_back({"STATE"});
    all.push_back({"ERROR"});
    return all;
}

struct listing {
    void add(const std::string& worker, const letters::story& s, const std::optional<evbus::owned_event>& kept) {
        std::vector<std::string> cells{worker, std::to_string(s.seq), kept ? std::string(kept->view().topic()) : "-",
                                       kept ? std::to_string(kept->view().payload().size()) : "-", std::to_string(s.attempts),
                                       seconds_text(s.since_ns), seconds_text(s.last_ns)};
        if (with_state) cells.push_back(state_text(s));
        cells.push_back(error_text(s.error));
        rows.add(std::move(cells));
    }

    bool with_state;
    cli::table rows{columns(with_state)};
    std::uint64_t count = 0;
    std::vector<std::string> talk{};
    bool damaged = false;
    bool failed = false;

    void note(const evbus::error& e) {
        (e.kind() == evbus::errc::damaged ? damaged : failed) = true;
        talk.push_back(e.what());
    }
};

void append_line(std::string& out, const std::string& worker, const letters::story& s, const std::optional<evbus::owned_event>& kept) {
    out += '{';
    append_story_json(out, worker, s);
    if (kept) {
        out += ",\"topic\":";
        cli::append_json(out, kept->view().topic());
        out += ",\"bytes\":" + std::to_string(kept->view().payload().size());
    }
    out += "}\n";
}

/// Nothing when it is lost: the letter is there all the same, to be dropped.
std::optional<evbus::owned_event> read(const letters::journal& j, evbus::seq_t seq, listing& l) {
    try {
        return j.read(seq);
    } catch (const evbus::error& e) {
        l.note(e);
        return std::nullopt;
    }
}

void list_one(const letter_place& place, const std::string& worker, const letter_choice& choice, bool json, cli::output& out, listing& l) {
    const evbus::seq_t remembered = remembered_letters(place, worker);
    const letters::journal j = open_letters(place, worker, to_do::look);
    if (j.last() < remembered) l.note(letters_are_missing(place, worker, j.last(), remembered));
    const chosen_letters chosen = choose(j, choice);
    for (const evbus::seq_t seq : chosen.seqs) {
        const std::optional<evbus::owned_event> kept = read(j, seq, l);
        const letters::story& s = j.open_letters().at(seq);
        if (json) append_line(out.buffer(), worker, s, kept);
        else l.add(worker, s, kept);
        ++l.count;
        out.flush_if_full();
    }
    l.talk.insert(l.talk.end(), chosen.refused.begin(), chosen.refused.end());
    l.talk.push_back(tally_text(worker, j, choice.waiting_too));
}

} // namespace

int list_letters(const letter_place& place, const std::vector<std::string>& workers, const letter_choice& choice, bool json, cli::output& out) {
    listing l{.with_state = choice.waiting_too};
    for (const std::string& worker : workers) {
        try {
            list_one(place, worker, choice, json, out, l);
        } catch (const evbus::error& e) {
            l.note(e);
        }
    }
    if (!json && l.count != 0) l.rows.append_to(out.buffer(), cli::use_colour(STDOUT_FILENO));
    out.flush();
    for (const std::string& text : l.talk) cli::say("evlog", text);
    if (workers.empty()) cli::say("evlog", "there is no dead letter: no worker has any in " + place.log().dead_letters());
    return l.damaged ? cli::exit_damage : l.failed ? cli::exit_failed : l.count == 0 ? cli::exit_nothing_matched : cli::exit_fine;
}

} // namespace evlog
