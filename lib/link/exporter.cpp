#include "lib/link/exporter.hpp"

#include <evbus/error.hpp>
#include <evbus/log/epochs.hpp>
#include <evbus/log/log_reader.hpp>

#include <algorithm>
#include <utility>
#include <vector>

#include <time.h>

namespace evbus {
inline namespace v1 {
namespace link {
namespace {

constexpr std::size_t flush_bytes = std::size_t{64} << 10;
constexpr std::int64_t beat_ns = 1'000'000'000;
constexpr int look_ms = 20;

std::int64_t clock_ns(clockid_t which) noexcept {
    timespec t{};
    ::clock_gettime(which, &t);
    return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

std::string line_of(const log::epoch_record& e) {
    return to_string(e.epoch) + " " + std::to_string(e.first_seq) + " " + std::to_string(e.time_ns) + " " + e.boot_id + " " +
           to_string(e.bus) + " " + (e.name.empty() ? "-" : e.name);
}

} // namespace

exporter::exporter(log::file_system& fs, const std::string& dir, const bus_id& bus, export_options how)
    : fs_(&fs), dir_{dir}, bus_(bus), how_(std::move(how)), walk_(fs, dir, bus) {
    constexpr const char* operation = "export log";
    const seq_t last = log::log_reader(fs, dir, {bus}).last_seq();
    if (how_.from != no_seq && how_.from < walk_.first_seq())
        throw error(errc::not_found, {operation, dir, "it begins with seq " + std::to_string(walk_.first_seq()) + ": what came before was deleted",
                                      "export from there, into an empty directory"});
    // Where the log ended is where one that is to come goes on.
    if (how_.from != no_seq && how_.from > std::max<seq_t>(last, walk_.first_seq() - 1) + 1)
        throw error(errc::mismatch, {operation, dir, "it ends with seq " + std::to_string(last) + ", before seq " + std::to_string(how_.from),
                                     "compare the two logs: the other one knows more"});
    if (how_.from != no_seq) walk_.seek(how_.from);
    whole_log_ = how_.to == max_seq;
    if (!how_.follow) how_.to = std::min({how_.to, how_.limit(), last == no_seq ? max_seq : last});
}

void exporter::begin() {
    begun_ns_ = said_ns_ = clock_ns(CLOCK_MONOTONIC);
    stream_header h{};
    h.flags = how_.follow ? stream_flags::follows : 0;
    h.bus_id[0] = bus_.words[0];
    h.bus_id[1] = bus_.words[1];
    h.first_seq = walk_.position();
    h.previous_chain = walk_.chain();
    h.time_ns = clock_ns(CLOCK_REALTIME);
    h.last_seq = how_.to;
    h.bytes = counts_.bytes_expected = how_.follow || !whole_log_ ? 0 : walk_.bytes_ahead();
    append_header(out_, h);
    add_epochs();
}

void exporter::add_epochs() {
    const std::vector<log::epoch_record> all = log::read_epochs(*fs_, dir_);
    for (; epochs_told_ < all.size(); ++epochs_told_)
        if (all[epochs_told_].bus == bus_) append_mark(out_, blank_mark(mark_kind::epoch), bus_.seed(), line_of(all[epochs_told_]));
}

void exporter::add(found what) {
    switch (what) {
    case found::segment:
        add_epochs();
        return append_segment(out_, walk_.segment());
    case found::commit: {
        append_commit(out_, walk_.commit(), walk_.stored());
        ++counts_.commits;
        if (!log::covers_seqs(walk_.commit())) return;
        if (counts_.seqs.first == no_seq) counts_.seqs.first = walk_.commit().first_seq;
        counts_.seqs.last = walk_.commit().last_seq;
        return;
    }
    case found::hole: {
        stream_mark m = blank_mark(mark_kind::hole);
        m.first = walk_.hole().first;
        m.last = walk_.hole().last;
        counts_.missing += m.last + 1 - m.first;
        ++counts_.holes;
        return append_mark(out_, m, bus_.seed());
    }
    case found::sealed: {
        stream_mark m = blank_mark(mark_kind::sealed);
        m.first = walk_.segment().first_seq;
        m.last = walk_.position() - 1;
        return append_mark(out_, m, bus_.seed());
    }
    case found::end: return;
    }
}

/// Keeps to the rate by absolute times, so that a late wake-up is made up for. False when it shall stop.
bool exporter::keep_rate() {
    while (how_.bytes_a_second) {
        const double due = static_cast<double>(counts_.bytes) / *how_.bytes_a_second * 1e9;
        const std::int64_t left = begun_ns_ + static_cast<std::int64_t>(due) - clock_ns(CLOCK_MONOTONIC);
        if (left <= 0) return true;
        if (how_.wait(static_cast<int>(std::min<std::int64_t>(left / 1'000'000 + 1, 1000)))) return false;
    }
    return true;
}

bool exporter::flush(byte_sink& to) {
    // In pieces that a slow rate lets through at least twice a second: silence would pass for death.
    const double most = how_.bytes_a_second ? std::max(*how_.bytes_a_second / 2, 64.0) : 1e9;
    for (std::span<const std::byte> rest = out_; !rest.empty();) {
        const std::size_t some = std::min(rest.size(), static_cast<std::size_t>(most));
        const bool goes_on = to.write(rest.first(some));
        rest = rest.subspan(some);
        counts_.bytes += some;
        if (goes_on && keep_rate()) continue;
        out_.erase(out_.begin(), out_.end() - static_cast<std::ptrdiff_t>(rest.size()));
        return false;
    }
    if (!out_.empty()) said_ns_ = clock_ns(CLOCK_MONOTONIC);
    out_.clear();
    if (how_.progress) how_.progress(counts_);
    return true;
}

/// At the present end of a log that is followed. False when it shall stop.
bool exporter::wait_for_more(byte_sink& to) {
    if (out_.empty() && clock_ns(CLOCK_MONOTONIC) - said_ns_ > beat_ns) {
        stream_mark m = blank_mark(mark_kind::beat);
        m.last = walk_.position() - 1;
        m.time_ns = clock_ns(CLOCK_REALTIME);
        append_mark(out_, m, bus_.seed());
    }
    return flush(to) && !how_.wait(look_ms);
}

bool exporter::run(byte_sink& to) {
    try {
        return send(to);
    } catch (const error& e) {
        if (e.kind() == errc::cut_short) throw; // nobody is there to be told
        append_mark(out_, blank_mark(mark_kind::refusal), bus_.seed(), e.what());
        to.write_last(out_);
        throw;
    }
}

bool exporter::send(byte_sink& to) {
    begin();
    bool goes_on = true;
    while (goes_on && walk_.position() <= how_.to) {
        const found what = walk_.next(how_.limit());
        if (what == found::end && !how_.follow) break;
        if (what == found::end) {
            goes_on = wait_for_more(to);
            continue;
        }
        add(what);
        if (out_.size() >= flush_bytes) goes_on = flush(to);
    }
    if (!goes_on && !how_.follow) return false;
    // What has no seq of its own behind the last one, and the segment's seal, belong to the whole log.
    while (goes_on && whole_log_ && walk_.position() == how_.to + 1 && how_.limit() == max_seq) {
        const found what = walk_.next();
        if (what == found::hole || what == found::end) break;
        add(what);
    }
    end(to);
    return true;
}

void exporter::end(byte_sink& to) {
    stream_mark m = blank_mark(mark_kind::end);
    m.last = walk_.position() - 1;
    m.chain = walk_.chain();
    m.time_ns = clock_ns(CLOCK_REALTIME);
    append_mark(out_, m, bus_.seed());
    counts_.bytes += out_.size();
    to.write_last(out_);
    out_.clear();
    to.finish();
    if (how_.progress) how_.progress(counts_);
}

} // namespace link
} // namespace v1
} // namespace evbus
