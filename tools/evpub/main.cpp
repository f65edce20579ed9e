// evpub: a line an event, or load.
//
// Exit codes: 0 all is published (and recorded, if asked); 2 wrong usage or an error, after what stood
// before it was published; 124 --timeout was over; 128 + signal when one came: not all of the input is
// published then, which a script must not take for success.
#include "tools/cli/exit_codes.hpp"
#include "tools/cli/units.hpp"
#include "tools/evpub/field_topic.hpp"
#include "tools/evpub/line_input.hpp"
#include "tools/evpub/load.hpp"
#include "tools/evpub/options.hpp"
#include "tools/evpub/sender.hpp"

#include <algorithm>
#include <csignal>
#include <memory>
#include <optional>
#include <string>

namespace {

using namespace evpub;

// Why publishing ended, as an exit code; says it when it is a timeout.
int ended(outcome how, const sender& to, const options& o, const cli::stop_signal& stop) {
    switch (how) {
    case outcome::sent: return cli::exit_fine;
    case outcome::stopped: return 128 + stop.number();
    case outcome::timed_out: break;
    }
    cli::say("evpub", "published " + cli::format_count(to.sent()) + " events, then pacing held the next one up for " +
                          cli::format_duration(*o.timeout) + (to.bus().has_recorder() ? "" : "; no recorder lives: start evrecord " + o.bus));
    return cli::exit_not_in_time;
}

int publish_load(sender& to, const options& o, const cli::stop_signal& stop) {
    const evbus::topic topic(o.topic);
    load_payload payload(static_cast<std::size_t>(o.size.value_or(64)));
    const metronome beat(o.rate, stop);
    for (std::uint64_t i = 0; i < *o.count; ++i, payload.advance()) {
        if (!beat.wait(i)) return ended(outcome::stopped, to, o, stop);
        if (o.rate || i % 65536 == 0) to.look_after();
        if (const outcome r = to.send(topic, payload.text()); r != outcome::sent) return ended(r, to, o, stop);
    }
    return cli::exit_fine;
}

int publish_lines(sender& to, line_input& lines, const options& o, const cli::stop_signal& stop) {
    const std::optional<evbus::topic> fixed = o.topic_field ? std::nullopt : std::optional<evbus::topic>(o.topic);
    field_topic from_field(o.topic_field.value_or(""), o.topic == "-" ? "" : o.topic);
    const metronome beat(o.rate, stop);
    const std::function<void()> idle = [&] { to.look_after(); };
    const std::uint64_t most = o.max_events.value_or(std::numeric_limits<std::uint64_t>::max());
    for (std::uint64_t i = 0; i < most; ++i) {
        const line_input::state state = lines.next(idle);
        if (state == line_input::state::end) break;
        if (state == line_input::state::stopped || !beat.wait(i)) return ended(outcome::stopped, to, o, stop);
        try {
            if (state == line_input::state::too_long)
                throw evbus::error(evbus::errc::too_large, {"", "it", "is longer than 16 MiB, the most that an event may carry", "split it"});
            const outcome r = to.send(fixed ? *fixed : from_field.of(lines.line()), lines.line());
            if (r != outcome::sent) return ended(r, to, o, stop);
        } catch (const evbus::error& e) {
            cli::say("evpub", lines.name() + ", line " + std::to_string(lines.number()) + ": " + e.what());
            return cli::exit_failed;
        }
    }
    return cli::exit_fine;
}

void summarize(const sender& from, std::chrono::nanoseconds took) {
    using namespace std::chrono;
    const auto shown = took < milliseconds(10) ? nanoseconds(duration_cast<microseconds>(took)) : nanoseconds(duration_cast<milliseconds>(took));
    std::string text = "published " + cli::format_count(from.sent(), "event");
    if (from.sent() != 0) {
        text += ", seq " + std::to_string(from.first());
        if (from.last() != from.first()) text += "-" + std::to_string(from.last());
    }
    cli::say("evpub", text + ", in " + cli::format_duration(shown));
}

int run(const options& o, const cli::stop_signal& stop) {
    // The input first: a file that cannot be read must not leave a new bus behind.
    std::unique_ptr<line_input> lines;
    if (!o.count) lines = std::make_unique<line_input>(o.lines_file.value_or("-"), o.strip_cr, stop);
    sender to({o.bus, o.create, o.name, o.headers, o.timeout}, stop);

    const std::int64_t start = evbus::detail::steady_ns();
    int code = cli::exit_failed;
    try {
        code = lines ? publish_lines(to, *lines, o, stop) : publish_load(to, o, stop);
    } catch (const evbus::error& e) {
        cli::say("evpub", e.what());
    }
    if (!o.quiet) summarize(to, std::chrono::nanoseconds(evbus::detail::steady_ns() - start));
    if (code == cli::exit_fine && o.wait && to.sent() != 0) code = wait_recorded(to.bus(), to.last(), *o.wait, o.timeout, stop);
    return code;
}

} // namespace

int main(int argc, char** argv) {
    cli::prepare_process();
    const auto parsed = parse_options(argc, argv);
    if (const int* code = std::get_if<int>(&parsed)) return *code;
    std::signal(SIGPIPE, SIG_IGN);
    const cli::stop_signal stop;
    try {
        return run(std::get<options>(parsed), stop);
    } catch (const std::exception& e) {
        cli::say("evpub", e.what());
        return cli::exit_failed;
    }
}
