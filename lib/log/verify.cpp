#include "lib/log/verify.hpp"

#include "lib/log/sum_up.hpp"

#include <evbus/log/epochs.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

namespace evbus {
inline namespace v1 {
namespace log {
namespace {

finding about(severity weight, flaw kind, std::string file, std::string what, std::string good, std::string todo) {
    return {weight, kind, std::move(file), 0, 0, {}, std::move(what), std::move(good), std::move(todo)};
}

/// Segments are taken one by one by whoever is free.
class workers {
public:
    workers(file_system& fs, const log_dir& dir, const std::vector<seq_t>& firsts, const bus_id& bus, const verify_options& how)
        : fs_(fs), dir_(dir), firsts_(firsts), how_(how), out_(firsts.size()) {
        ask_ = {bus, false, false, &stop_, &bytes_};
    }
    std::vector<checked_segment> run(std::uint64_t total) {
        const auto wanted = std::min<std::size_t>(std::max(1U, how_.threads), firsts_.size());
        std::vector<std::thread> threads;
        try {
            for (std::size_t i = 0; i < wanted; ++i) {
                ++living_;
                threads.emplace_back([this] { work(); });
            }
            watch(total);
        } catch (...) {
            stop_ = true;
            for (std::thread& t : threads) t.join();
            throw;
        }
        for (std::thread& t : threads) t.join();
        if (failure_) std::rethrow_exception(failure_);
        return std::move(out_);
    }
    [[nodiscard]] bool stopped() const { return stop_; }

private:
    void work() {
        try {
            for (std::size_t i = next_++; i < firsts_.size() && !stop_; i = next_++) {
                segment_question ask = ask_;
                ask.newest = i + 1 == firsts_.size();
                ask.growing = how_.growing && ask.newest;
                out_[i] = verify_segment(fs_, dir_, firsts_[i], ask);
                ++done_;
            }
        } catch (...) { // out of memory
            const std::lock_guard hold(mutex_);
            failure_ = std::current_exception();
            stop_ = true;
        }
        const std::lock_guard hold(mutex_);
        --living_;
        ended_.notify_one();
    }
    void watch(std::uint64_t total) {
        std::unique_lock hold(mutex_);
        while (!ended_.wait_for(hold, std::chrono::milliseconds(100), [this] { return living_ == 0; })) {
            hold.unlock();
            if (how_.go_on && !how_.go_on({bytes_, total, done_, firsts_.size()})) stop_ = true;
            hold.lock();
        }
    }

    file_system& fs_;
    const log_dir& dir_;
    const std::vector<seq_t>& firsts_;
    const verify_options& how_;
    segment_question ask_;
    std::vector<checked_segment> out_;
    std::atomic<std::size_t> next_{0};
    std::atomic<std::size_t> done_{0};
    std::atomic<std::uint64_t> bytes_{0};
    std::atomic<bool> stop_{false};
    std::mutex mutex_;
    std::condition_variable ended_;
    std::size_t living_ = 0;
    std::exception_ptr failure_;
};

/// How a segment goes on from what stands before it.
void join(const checked_segment& s, const checked_segment* before, chain_state& end, verify_report& out) {
    const std::string file = "segments/" + segment_name(s.first);
    if (before == nullptr) return;
    if (!before->is_read && before->found.count(severity::unchecked) != 0) return; // who knows what it holds
    if (s.first > end.next) {
        finding f = about(severity::damage, flaw::missing, "segments/" + segment_name(before->first),
                          fmt::format("it ends at seq {}, and the next segment begins at seq {}: a segment between them, or this one's end, is gone", end.next - 1, s.first),
                          "everything before and behind", "bring the segment back from a copy; readers give these seqs as a gap, and evlog repair writes that down");
        f.offset = before->valid_end;
        f.seqs = {end.next, s.first - 1};
        out.found.add(std::move(f));
    } else if (s.first < end.next && s.covers_seqs()) {
        out.found.add(about(severity::damage, flaw::fork, file,
                            fmt::format("it begins at seq {}, and the segment before it goes up to seq {}", s.first, end.next - 1),
                            "readers keep the segment before", "move the one away that you do not trust, or let evlog repair keep the one before"));
    } else if (s.header_fine && before->is_read && s.first == end.next && s.header.previous_chain != end.chain) {
        out.found.add(about(severity::damage, flaw::chain, file, "it is whole and does not build on the segment before it",
                            "it can be read; whether it is what was written here, nobody can say", "compare with a copy of the log; evlog repair takes it over"));
    }
}

void check_epochs(file_system& fs, const log_dir& dir, verify_report& out) {
    std::string text;
    const int r = detail::read_text(fs, dir.epochs(), detail::max_epochs_bytes, text);
    if (r == -ENOENT) {
        if (!out.segments.empty())
            out.found.add(about(severity::note, flaw::epochs, "epochs", "no creation of the bus is noted", "", "nothing: seqs go on above the segments"));
        return;
    }
    if (r < 0) {
        const bool refused = r == -EACCES || r == -EIO;
        out.found.add(about(refused ? severity::unchecked : severity::damage, refused ? flaw::unreadable : flaw::no_file, "epochs",
                            fmt::format("it could not be read ({})", std::strerror(-r)), "all segments", "mend it before the bus is created anew: it keeps seqs from being used twice"));
        return;
    }
    std::size_t at = 0;
    epoch_record record;
    while (at < text.size()) {
        const std::size_t end = text.find('\n', at);
        const std::string_view line = std::string_view(text).substr(at, end == std::string::npos ? end : end - at);
        if (!detail::parse_epoch(line, record)) {
            const bool cut = end == std::string::npos;
            finding f = about(cut ? severity::note : severity::damage, flaw::epochs, "epochs",
                              cut ? "the last line was cut off by a crash; nobody believes it" : "a line makes no sense", "the other lines",
                              cut ? "nothing" : "delete the line when no other copy has it whole");
            f.offset = at;
            f.bytes = line.size();
            out.found.add(std::move(f));
        } else if (!record.bus.empty() && !out.bus.empty() && record.bus != out.bus) {
            finding f = about(severity::damage, flaw::epochs, "epochs", fmt::format("a line is of bus {}, the log of bus {}", to_string(record.bus), to_string(out.bus)),
                              "the other lines", "delete the line when no other copy has it right");
            f.offset = at;
            f.bytes = line.size();
            out.found.add(std::move(f));
        }
        at = end == std::string::npos ? text.size() : end + 1;
    }
}

void check_strays(file_system& fs, const log_dir& dir, const std::vector<seq_t>& firsts, bool growing, verify_report& out) {
    std::vector<std::string> names;
    if (fs.list(dir.segments(), names) < 0) return;
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
        if (parse_segment_name(name) || (growing && name.ends_with(".tmp"))) continue;
        const bool is_index = name.ends_with(".evidx") && parse_seq_digits(std::string_view(name).substr(0, name.size() - 6));
        if (is_index && std::binary_search(firsts.begin(), firsts.end(), *parse_seq_digits(std::string_view(name).substr(0, 20)))) continue;
        out.found.add(about(severity::note, flaw::stray, "segments/" + name, is_index ? "the index of a segment that is not there" : "no part of a log", "",
                            "nobody reads it; delete it when nobody needs it"));
    }
}

} // namespace

bus_id bus_of_log(file_system& fs, const log_dir& dir, const std::vector<seq_t>& firsts) {
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::size_t> votes;
    bus_id best;
    std::size_t most = 0;
    for (std::size_t i = firsts.size(); i-- > 0;) {
        segment_reader in;
        segment_header h{};
        if (in.open(fs, segment_path(dir, firsts[i]), 0) < 0) continue;
        const segment_fault fault = in.read_header({}, firsts[i], h);
        if (fault != segment_fault::none && fault != segment_fault::version && fault != segment_fault::feature) continue;
        const bus_id id = bus_of(h);
        if (const std::size_t n = ++votes[{id.words[0], id.words[1]}]; n > most) {
            most = n;
            best = id;
        }
    }
    if (!best.empty()) return best;
    try {
        for (const epoch_record& e : read_epochs(fs, dir))
            if (!e.bus.empty()) best = e.bus;
    } catch (const error&) {
        // check_epochs says what is wrong with it.
    }
    return best;
}

verify_report verify(file_system& fs, const log_dir& dir, const verify_options& how) {
    verify_report out;
    std::vector<seq_t> firsts;
    if (const int r = list_segments(fs, dir, firsts); r < 0 && r != -ENOENT) evbus::detail::throw_errno(-r, "verify log", dir.segments());
    out.bus = bus_of_log(fs, dir, firsts);
    std::uint64_t total = 0;
    for (const seq_t first : firsts) {
        file_info info;
        if (fs.stat(segment_path(dir, first), info) == 0) total += info.bytes;
    }
    workers pool(fs, dir, firsts, out.bus, how);
    out.segments = pool.run(total);
    out.stopped = pool.stopped();
    if (out.stopped) return out;
    std::erase_if(out.segments, [](const checked_segment& s) { return s.is_gone; });
    if (!firsts.empty() && out.bus.empty())
        out.found.add(about(severity::damage, flaw::header, "segments", "no segment has a readable header, so that the bus is not known and no commit can be checked", "",
                            "bring a segment back from a copy: its header is enough"));
    chain_state end{out.bus.seed(), 0, 0, 1};
    const checked_segment* before = nullptr;
    for (checked_segment& s : out.segments) {
        if (before == nullptr) out.first = s.first;
        if (!out.bus.empty()) join(s, before, end, out);
        if (before == nullptr || s.covers_seqs() || s.first > end.next) end = s.end;
        add_up(s.sums, out.sums);
        out.gap_ranges += s.gap_ranges;
        out.bytes += s.bytes;
        out.found.add(findings(s.found));
        before = &s;
    }
    if (before != nullptr) out.last = end.next - 1;
    for (const finding& f : out.found.kept())
        if (f.weight == severity::damage) out.unreadable += f.seqs.count();
    check_epochs(fs, dir, out);
    check_strays(fs, dir, firsts, how.growing, out);
    return out;
}

} // namespace log
} // namespace v1
} // namespace evbus
