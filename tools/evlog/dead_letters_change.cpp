// Giving letters back, or away. A letter's new state is one append to its worker's journal, which a worker that
// is running reads; who else writes there meanwhile is waited for.
#include "tools/cli/exit_codes.hpp"
#include "tools/cli/units.hpp"
#include "tools/cli/when.hpp"
#include "tools/evlog/dead_letters.hpp"

#include <evbus/error.hpp>

#include <iostream>

#include <unistd.h>

namespace evlog {
namespace {

namespace letters = evbus::letters;
using letters::letter_state;

std::string how_many(const std::vector<evbus::seq_t>& seqs) { return cli::format_count(seqs.size(), "dead letter"); }

void check(const letters::journal& j, int r) {
    if (r < 0) throw j.failure(r);
}

void keep(letters::journal& j) {
    check(j, j.write());
    check(j, j.sync());
}

/// The letters to change, or nothing: then it was told why. One that was named and is not there spares the others.
std::vector<evbus::seq_t> wanted(const letters::journal& j, const std::string& worker, const letter_choice& choice) {
    chosen_letters chosen = choose(j, choice);
    say_refused(worker, chosen.refused);
    if (!chosen.refused.empty() && !chosen.seqs.empty()) cli::say("evlog", "nothing was changed");
    if (chosen.refused.empty() && chosen.seqs.empty()) cli::say("evlog", worker + ": no dead letter matches");
    if (!chosen.refused.empty()) chosen.seqs.clear();
    return chosen.seqs;
}

bool is_sure(const std::string& question) {
    if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDERR_FILENO) == 0)
        throw evbus::error(evbus::errc::bad_option, {"drop letters", "", "nobody is there to be asked", "give --yes"});
    std::cerr << question << " [y/N] " << std::flush;
    std::string answer;
    std::getline(std::cin, answer);
    return answer == "y" || answer == "Y" || answer == "yes";
}

} // namespace

void say_refused(const std::string& worker, const std::vector<std::string>& refused) {
    for (const std::string& text : refused) cli::say("evlog", worker + ": " + text);
}

int requeue_letters(const letter_place& place, const std::string& worker, const letter_choice& choice) {
    letters::journal j = open_letters(place, worker, to_do::change);
    const std::vector<evbus::seq_t> seqs = wanted(j, worker, choice);
    if (seqs.empty()) return cli::exit_nothing_matched;
    for (const evbus::seq_t seq : seqs) {
        letters::story s = j.open_letters().at(seq);
        s.state = letter_state::waiting;
        s.attempts = 0;
        s.due_ns = cli::now_ns();
        s.requeued = true;
        check(j, j.change(s));
    }
    keep(j);
    const std::string user = who_works(place, worker);
    cli::say("evlog", worker + ": " + how_many(seqs) + (seqs.size() == 1 ? " goes" : " go") + " back to it; " +
                          (user.empty() ? "tried when it starts: nobody works under that name now" : "tried at once by " + user));
    return cli::exit_fine;
}

int drop_letters(const letter_place& place, const std::string& worker, const letter_choice& choice, bool sure) {
    letters::journal j = open_letters(place, worker, to_do::change);
    const std::vector<evbus::seq_t> seqs = wanted(j, worker, choice);
    if (seqs.empty()) return cli::exit_nothing_matched;
    if (!sure && !is_sure("drop " + how_many(seqs) + " of " + worker + " for good?")) {
        cli::say("evlog", "nothing was dropped");
        return cli::exit_nothing_matched;
    }
    for (const evbus::seq_t seq : seqs) {
        letters::story s = j.open_letters().at(seq);
        s.state = letter_state::dropped;
        check(j, j.change(s));
    }
    keep(j);
    cli::say("evlog", worker + ": dropped " + how_many(seqs));
    return cli::exit_fine;
}

} // namespace evlog
