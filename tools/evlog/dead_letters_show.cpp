#include "tools/cli/escape.hpp"
#include "tools/cli/exit_codes.hpp"
#include "tools/cli/when.hpp"
#include "tools/evlog/dead_letters.hpp"
#include "tools/evtail/format.hpp"

#include <unistd.h>

namespace evlog {
namespace {

namespace letters = evbus::letters;
using letters::letter_state;

std::string time_text(std::int64_t ns) { return ns == 0 ? "-" : cli::format_iso(ns, cli::zone::local); }

// As evtail -o verbose names the parts of an event.
void append_field(std::string& out, const char* name, const std::string& value) {
    std::string label = std::string("  ") + name;
    label.resize(14, ' ');
    out += label;
    cli::append_printable(out, value);
    out += '\n';
}

void append_story(std::string& out, const std::string& worker, const letters::story& s) {
    append_field(out, "letter", state_text(s) + ", of worker " + worker);
    append_field(out, "tries", std::to_string(s.attempts));
    append_field(out, "failed", "first " + time_text(s.since_ns) + ", last " + time_text(s.last_ns));
    append_field(out, "error", s.error.empty() ? "-" : s.error);
}

void append_letter(std::string& out, const std::string& worker, const letters::story& s, const evbus::event& e, payload_form form, bool colour) {
    using evtail::output_mode;
    const output_mode mode = form == payload_form::raw    ? output_mode::raw
                             : form == payload_form::json ? output_mode::json
                             : form == payload_form::hex  ? output_mode::hex
                                                          : output_mode::verbose;
    evtail::formatter as_evtail({.mode = mode, .colour = colour});
    std::string shown;
    as_evtail.event(e, {}, shown);
    if (form == payload_form::raw) {
        out += shown;
        return;
    }
    if (form == payload_form::json) {
        shown.pop_back(); // its line end
        out += '{';
        append_story_json(out, worker, s);
        out += ",\"event\":" + shown + "}\n";
        return;
    }
    // Between the line that says which event it is and what is in it.
    const std::size_t rest = shown.find('\n') + 1;
    out.append(shown, 0, rest);
    append_story(out, worker, s);
    if (form == payload_form::hex)
        for (const evbus::header& h : e.headers()) append_field(out, "header", std::string(h.key) + "=" + std::string(h.value));
    out.append(shown, rest);
}

} // namespace

std::string state_text(const letters::story& s) {
    const std::string again = s.requeued ? ", put back by hand" : "";
    switch (s.state) {
    case letter_state::dead: return "dead";
    case letter_state::waiting: return "waits until " + cli::format_iso(s.due_ns, cli::zone::local).substr(0, 19) + again;
    case letter_state::handled: return "handled";
    case letter_state::dropped: return "dropped";
    case letter_state::republished: return "published again";
    case letter_state::forgotten: return "forgotten";
    }
    return "?";
}

void append_story_json(std::string& out, const std::string& worker, const letters::story& s) {
    const auto time = [&](const char* name, std::int64_t ns) {
        out.append(",\"").append(name).append("\":").append(ns == 0 ? "null" : "\"" + cli::format_iso(ns, cli::zone::utc) + "\"");
        out.append(",\"").append(name).append("_ns\":\"").append(std::to_string(ns)).append("\"");
    };
    out += "\"worker\":";
    cli::append_json(out, worker);
    out += ",\"seq\":\"" + std::to_string(s.seq) + "\",\"state\":\"" + (s.state == letter_state::dead ? "dead" : "waiting") + "\"";
    out += ",\"tries\":" + std::to_string(s.attempts);
    time("first_failed", s.since_ns);
    time("last_failed", s.last_ns);
    if (s.state == letter_state::waiting) time("due", s.due_ns);
    out += std::string(",\"requeued\":") + (s.requeued ? "true" : "false") + ",\"error\":";
    cli::append_json(out, s.error);
}

int show_letters(const letter_place& place, const std::string& worker, const letter_choice& choice, payload_form form, cli::output& out) {
    const letters::journal j = open_letters(place, worker, to_do::look);
    const chosen_letters chosen = choose(j, choice);
    const bool colour = cli::use_colour(STDOUT_FILENO);
    for (const evbus::seq_t seq : chosen.seqs) {
        const evbus::owned_event e = j.read(seq);
        append_letter(out.buffer(), worker, j.open_letters().at(seq), e.view(), form, colour);
        out.flush_if_full();
    }
    out.flush();
    say_refused(worker, chosen.refused);
    return !chosen.refused.empty() || chosen.seqs.empty() ? cli::exit_nothing_matched : cli::exit_fine;
}

} // namespace evlog
