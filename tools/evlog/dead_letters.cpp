#include "tools/evlog/dead_letters.hpp"

#include "tools/cli/exit_codes.hpp"
#include "tools/cli/units.hpp"
#include "tools/evlog/commands.hpp"

#include <evbus/error.hpp>

#include <memory>
#include <span>

namespace evlog {
namespace {

using evbus::errc;
using evbus::error;

constexpr const char* examples =
    "  evlog dead-letters md                           what the workers of bus md gave up, and why\n"
    "  evlog dead-letters md list billing --waiting    and what still has another try before it\n"
    "  evlog dead-letters md show billing 4711         error, headers and payload; --raw for its bytes alone\n"
    "  evlog dead-letters md requeue billing 4711      back to its worker, whether that runs or not\n"
    "  evlog dead-letters md requeue billing --all --error 'timed out'\n"
    "  evlog dead-letters md requeue billing --all --publish\n"
    "                                                  on the bus again, for everybody: closed here once that is\n"
    "                                                  recorded; a crash in between may publish some twice\n"
    "  evlog dead-letters md drop billing 4711 4712    for good; asks, or --yes\n"
    "Ends with 0, 1 (there is none, or none such), 4 (a worker's letters are damaged) or 2 on an error.\n";

struct options {
    std::string log;
    std::vector<std::string> words; ///< an action, a worker and seqs
    bool all = false;
    std::optional<std::string> topic;
    std::optional<std::string> error;
    std::optional<std::uint64_t> newest;
    bool waiting = false;
    bool json = false;
    bool hex = false;
    bool raw = false;
    bool publish = false;
    std::optional<recorded_as> wait;
    bool sure = false;
};

[[noreturn]] void refuse(const std::string& what, const std::string& why, const std::string& way_out) {
    throw error(errc::bad_option, {"", what, why, way_out});
}

bool is_action(const std::string& word) { return word == "list" || word == "show" || word == "requeue" || word == "drop"; }

bool is_number(const std::string& word) { return !word.empty() && word.find_first_not_of("0123456789_") == std::string::npos; }

std::vector<evbus::seq_t> parse_seqs(std::span<const std::string> words) {
    std::vector<evbus::seq_t> out;
    for (const std::string& word : words) {
        if (!is_number(word)) refuse("'" + word + "'", "is no seq", "give the numbers that the list shows");
        out.push_back(cli::parse_count(word));
        if (out.back() == evbus::no_seq) refuse("'" + word + "'", "is no seq", "seqs begin at 1");
    }
    return out;
}

/// What the command line says: an action, whose letters, which of them.
struct request {
    std::string action = "list";
    std::string worker{}; ///< empty: of all
    letter_choice choice{};
};

/// Flags that mean nothing to the action would be passed over in silence.
void check_flags(const options& o, const request& r) {
    const auto only_for = [&](bool given, const char* flag, std::initializer_list<const char*> actions) {
        std::string all;
        for (const char* const a : actions) {
            if (r.action == a) return;
            all += (all.empty() ? "" : " and ") + std::string(a);
        }
        if (given) refuse(std::string(flag) + " with " + r.action, "means nothing", "it belongs to " + all);
    };
    only_for(o.waiting, "--waiting", {"list", "show"});
    only_for(o.newest.has_value(), "-n", {"list"});
    only_for(o.json, "--json", {"list", "show"});
    only_for(o.hex, "--hex", {"show"});
    only_for(o.raw, "--raw", {"show"});
    only_for(o.publish, "--publish", {"requeue"});
    only_for(o.wait.has_value(), "--wait", {"requeue"});
    only_for(o.sure, "--yes", {"drop"});
    if (o.hex + o.raw + o.json > 1) refuse("--hex, --raw and --json", "contradict each other", "give one of them");
    if (o.wait && !o.publish) refuse("--wait", "is for what is published", "give it with --publish");
    if (r.action == "list") {
        if (!r.choice.seqs.empty()) refuse("list", "takes no seqs", "show tells of a single letter");
        return;
    }
    if (r.worker.empty()) refuse(r.action, "no worker was named", "evlog dead-letters " + o.log + " lists them");
    if (o.all != r.choice.seqs.empty()) refuse(r.action + " " + r.worker, o.all ? "--all and seqs contradict each other" : "no letter was named", "give seqs, or --all");
    if (!o.all && (o.topic || o.error)) refuse("--topic and --error", "choose among all letters", "give them with --all");
}

request parse(const options& o) {
    request r;
    std::span<const std::string> words = o.words;
    if (words.size() > 1 && !is_action(words[0]) && is_action(words[1]))
        refuse("'" + words[0] + " " + words[1] + "'", "is the wrong way round", "first what to do: evlog dead-letters " + o.log + " " + words[1] + " " + words[0] + " ...");
    const bool is_said = !words.empty() && is_action(words[0]);
    if (is_said) {
        r.action = words[0];
        words = words.subspan(1);
    }
    if (!is_said && words.size() > 1 && !is_number(words[1]))
        refuse("'" + words[0] + "'", "is nothing to do with dead letters", "say list, show, requeue or drop; see evlog dead-letters --help");
    if (!words.empty()) {
        // An empty word is a script's variable that nobody set; it must not mean all.
        if (words[0].empty() && r.action == "list") refuse("the worker's name", "is empty", "name one, or leave it out for all");
        r.worker = words[0];
        r.choice.seqs = parse_seqs(words.subspan(1));
    }
    check_flags(o, r);
    for (const auto& [flag, text] : {std::pair{"--topic", &o.topic}, std::pair{"--error", &o.error}})
        if (*text && (*text)->empty()) refuse(flag, "is empty", "say what is to match, or leave it out");
    if (o.topic) r.choice.topic.emplace(*o.topic);
    if (o.error) r.choice.error = std::make_unique<cli::pattern>("--error", *o.error);
    r.choice.newest = o.newest;
    r.choice.waiting_too = o.waiting;
    return r;
}

int run(const options& o, cli::output& out) {
    const request r = parse(o);
    const letter_place place = find_letters(o.log);
    if (!r.worker.empty()) check_worker(place, r.worker);
    if (r.action == "list") return list_letters(place, r.worker.empty() ? workers_of(place.log()) : std::vector<std::string>{r.worker}, r.choice, o.json, out);
    const payload_form form = o.raw ? payload_form::raw : o.hex ? payload_form::hex : o.json ? payload_form::json : payload_form::text;
    if (r.action == "show") return show_letters(place, r.worker, r.choice, form, out);
    if (r.action == "drop") return drop_letters(place, r.worker, r.choice, o.sure);
    return o.publish ? publish_letters(place, r.worker, r.choice, o.wait.value_or(recorded_as::durable)) : requeue_letters(place, r.worker, r.choice);
}

int dead_letters(const options& o, cli::output& out) {
    try {
        return run(o, out);
    } catch (const error& e) {
        if (e.kind() != errc::damaged) throw;
        out.flush();
        cli::say("evlog", e.what());
        return cli::exit_damage;
    }
}

} // namespace

subcommand add_dead_letters(cli::command& evlog) {
    const auto o = std::make_shared<options>();
    cli::command& flags = evlog.subcommand("dead-letters", "what workers gave up: list, show, requeue, drop", examples);
    flags.positional("DIR|BUS", o->log, "a log's directory, or the name of a bus");
    flags.positionals("ACTION", o->words, "[list] [NAME], show NAME SEQ..., requeue NAME SEQ..., or drop NAME SEQ...; NAME is a worker's");
    flags.flag("--all", o->all, "show, requeue, drop: all dead letters of NAME");
    flags.text("--topic", o->topic, "FILTER", "only those whose topic matches");
    flags.text("--error", o->error, "RE", "only those whose error matches this regular expression (RE2)");
    flags.count("-n,--newest", o->newest, "list: the newest N of each worker", {1, std::numeric_limits<std::uint64_t>::max()});
    flags.flag("--waiting", o->waiting, "list, show: those too that wait for another try, with its time");
    flags.flag("--json", o->json, "list, show: one line of JSON for each letter");
    flags.flag("--hex", o->hex, "show: the payload as a hex dump");
    flags.flag("--raw", o->raw, "show: the payload's bytes and nothing else");
    flags.flag("--publish", o->publish, "requeue: publish them again, with a header dead-letter-of=NAME/SEQ, instead");
    flags.choice<recorded_as>("--wait", o->wait, {{"written", recorded_as::written}, {"durable", recorded_as::durable}},
                              "--publish: a letter is closed once what was published is written, or durable (the default)");
    flags.flag("--yes", o->sure, "drop: do not ask");
    return {&flags, [o](cli::output& out) { return dead_letters(*o, out); }};
}

} // namespace evlog
