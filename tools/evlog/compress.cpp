#include "tools/cli/exit_codes.hpp"
#include "tools/cli/log_place.hpp"
#include "tools/cli/progress.hpp"
#include "tools/evlog/commands.hpp"
#include "tools/evlog/compress_run.hpp"

#include <evbus/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <utility>

namespace evlog {
namespace {

namespace elog = evbus::log;
using elog::compress_outcome;

struct options {
    std::string log;
    segment_choice which;
    elog::compress_options how;
    std::uint64_t level = 3;
    std::uint64_t threads = 0;
};

/// "A..B", "A..", "..B" or "A": seqs.
void take_seqs(const std::string& text, segment_choice& out) {
    const std::size_t dots = text.find("..");
    const auto number = [](const std::string& part, evbus::seq_t otherwise) {
        return part.empty() ? otherwise : cli::parse_count(part);
    };
    const std::string last = dots == std::string::npos ? text : text.substr(dots + 2);
    out.first = number(text.substr(0, dots), 1);
    out.last = number(last, evbus::max_seq);
    if (text.empty() || out.first > out.last)
        throw evbus::error(evbus::errc::bad_option, {text, "", "is no range of seqs; write A..B, A.. or ..B"});
}

std::string ratio(std::uint64_t before, std::uint64_t after) {
    return fmt::format("{:.1f}x", after == 0 ? 0.0 : static_cast<double>(before) / static_cast<double>(after));
}

/// What is said at the end: sums, and why segments stayed as they were.
class tally {
public:
    void add(const elog::compress_result& r) {
        ++of(r.outcome);
        if (r.outcome == compress_outcome::compressed) {
            before_ += r.before_bytes;
            after_ += r.after_bytes;
        }
    }
    [[nodiscard]] std::size_t count(compress_outcome o) const { return counts_[static_cast<std::size_t>(o)]; }
    [[nodiscard]] std::string text(double seconds) const {
        const std::size_t done = count(compress_outcome::compressed);
        std::string out = fmt::format("{} segment{} compressed", done, done == 1 ? "" : "s");
        if (done != 0)
            out += fmt::format(": {} to {} ({}) in {:.1f} s, {}/s", cli::format_size(before_), cli::format_size(after_),
                               ratio(before_, after_), seconds,
                               cli::format_size(static_cast<std::uint64_t>(static_cast<double>(before_) / std::max(seconds, 1e-3))));
        const char* separator = "; left as they were: ";
        for (std::size_t i = 1; i < counts_.size(); ++i) {
            if (counts_[i] == 0) continue;
            out += fmt::format("{}{} {}", std::exchange(separator, ", "), counts_[i],
                               elog::to_string(static_cast<compress_outcome>(i)));
        }
        return out;
    }

private:
    std::size_t& of(compress_outcome o) { return counts_[static_cast<std::size_t>(o)]; }

    std::array<std::size_t, static_cast<std::size_t>(compress_outcome::stopped) + 1> counts_{};
    std::uint64_t before_ = 0;
    std::uint64_t after_ = 0;
};

std::string line_of(const compress_run::step& s) {
    const elog::compress_result& r = s.result;
    std::string out = fmt::format("{}  {:>9}", elog::segment_name(s.first), cli::format_size(r.before_bytes));
    if (r.outcome == compress_outcome::compressed)
        return out + fmt::format("  to {:>9}  {}\n", cli::format_size(r.after_bytes), ratio(r.before_bytes, r.after_bytes));
    out += fmt::format("  {}", elog::to_string(r.outcome));
    if (r.outcome == compress_outcome::damaged) out += fmt::format(" at offset {}: see evlog verify", r.at);
    return out + "\n";
}

int compress(const options& o, cli::output& out) {
    elog::file_system& fs = elog::posix();
    const elog::log_dir dir{cli::find_log("compress log", o.log).dir};
    const cli::stop_signal stop;
    elog::remove_leftovers(fs, dir);
    const std::vector<chosen_segment> segments = choose(fs, dir, o.which);
    const std::uint64_t total =
        std::accumulate(segments.begin(), segments.end(), std::uint64_t{0},
                        [](std::uint64_t sum, const chosen_segment& s) { return sum + s.bytes; });
    const unsigned half = std::max(1U, std::thread::hardware_concurrency() / 2);
    const auto threads = o.threads != 0 ? static_cast<unsigned>(o.threads) : half;

    elog::compress_options how = o.how;
    how.level = static_cast<int>(o.level);

    cli::progress shown("evlog");
    tally sums;
    const auto began = std::chrono::steady_clock::now();
    const compress_run run =
        compress_all(fs, dir, segments, how, threads, [&](const compress_run::step* s, std::uint64_t bytes) {
            shown.show(bytes, total);
            if (s == nullptr) return !stop.asked();
            sums.add(s->result);
            // Of a log that is compressed again and again most segments were before: no line for each.
            if (s->result.outcome == compress_outcome::compressed_before) return !stop.asked();
            shown.clear();
            out.buffer() += line_of(*s);
            out.flush();
            return !stop.asked();
        });
    shown.clear();
    cli::say("evlog", sums.text(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count()));
    if (run.failure || run.stopped) {
        cli::say("evlog", run.failure ? "ended by an error; the other segments stay as they were"
                                      : "stopped; the other segments stay as they were");
        if (run.failure) std::rethrow_exception(run.failure);
        return cli::exit_failed;
    }
    return sums.count(compress_outcome::damaged) != 0 ? cli::exit_damage : cli::exit_fine;
}

} // namespace

subcommand add_compress(cli::command& evlog) {
    const auto o = std::make_shared<options>();
    cli::command& flags = evlog.subcommand(
        "compress", "compresses sealed segments (zstd); readers notice no difference",
        "  evlog compress md                        all that is sealed, also beside a recorder\n"
        "  evlog compress md --older-than 1d --level 9\n"
        "  evlog compress ./logs/md --segments ..1000000 -j 4\n"
        "Each segment is replaced in one step once its new file was read back; until then, and whatever happens, the\n"
        "old one stands. Ends with 0, 4 (a segment is damaged and stays as it is) or 2 (an error, or stopped by a signal).\n");
    flags.positional("DIR|BUS", o->log, "a log's directory, or the name of a bus");
    flags.count("--level", o->level, "1 is fast, 19 small and slow (3)", {1, 19});
    flags.duration("--older-than", o->which.older_than, "only segments whose newest event is older");
    flags.option("--segments", "A..B", "only segments that hold seqs from A to B; either may be left out",
                 [o](const std::string& text) { take_seqs(text, o->which); });
    flags.flag("--again", o->how.again, "also what is compressed already, for another level");
    flags.count("-j,--threads", o->threads, "segments at a time (half as many as there are processors)", {1, 256});
    return {&flags, [o](cli::output& out) { return compress(*o, out); }};
}

} // namespace evlog
