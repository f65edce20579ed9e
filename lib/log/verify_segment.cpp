#include "lib/log/verify_segment.hpp"

#include "lib/log/footer_check.hpp"
#include "lib/log/record_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace evbus {
inline namespace v1 {
namespace log {
namespace {

constexpr const char* mend = "readers give what is missing as a gap; evlog repair writes a whole log elsewhere, or bring the "
                             "segment back from a copy";

std::string text_of(seq_range r) {
    return r.count() == 1 ? fmt::format("seq {}", r.first) : fmt::format("seqs {} to {}", r.first, r.last);
}

/// What makes opening or reading fail like this; null when it is the system's fault, or a lack of rights.
const char* thing_behind(int os_error) {
    switch (os_error) {
    case EISDIR: return "a directory";
    case ESPIPE: return "a pipe";
    case ELOOP: return "a symbolic link that leads to itself";
    case ENOENT: return "a symbolic link to nothing";
    case ENXIO:
    case ENODEV:
    case EINVAL: return "a socket or a device";
    default: return nullptr;
    }
}

/// Looks at one segment; what it finds goes into `out`.
class examiner {
public:
    examiner(file_system& fs, const log_dir& dir, seq_t first, const segment_question& ask)
        : fs_(fs), dir_(dir), ask_(ask), seed_(ask.bus.seed()), index_(first) {
        out_.first = first;
        out_.end = {seed_, 0, 0, first};
    }

    checked_segment examine() {
        if (!open()) return std::move(out_);
        if (!check_header()) return std::move(out_);
        go_through();
        if (out_.is_read && !ask_.growing)
            check_footers({fs_, dir_, ask_.bus, out_.first, out_.bytes, out_.valid_end, out_.sealed, ask_.newest}, in_.source(), index_, out_.found);
        out_.sums = index_.summary();
        return std::move(out_);
    }

private:
    finding& add(severity weight, flaw kind, std::uint64_t offset, std::string what, std::string good, std::string todo) {
        finding f{weight, kind, "segments/" + segment_name(out_.first), offset, 0, {}, std::move(what), std::move(good), std::move(todo)};
        scratch_.push_back(std::move(f));
        return scratch_.back();
    }
    void keep() {
        for (finding& f : scratch_) out_.found.add(std::move(f));
        scratch_.clear();
    }
    void refused(int os_error) {
        if (os_error == ECANCELED) return;
        if (const char* const thing = thing_behind(os_error); thing != nullptr)
            add(severity::damage, flaw::no_file, 0, fmt::format("{} stands where a segment should", thing), "",
                "move it away, and bring the segment back from a copy");
        else
            add(severity::unchecked, flaw::unreadable, 0, fmt::format("it could not be read ({})", std::strerror(os_error)), "",
                os_error == EACCES ? "run evlog as the user that owns the log" : "look at the disk (dmesg), and copy the log elsewhere while that works");
        keep();
    }

    bool open() {
        const std::string path = segment_path(dir_, out_.first);
        const int r = in_.open(fs_, path, seed_);
        std::vector<std::string> names;
        if (r == -ENOENT && (fs_.list(dir_.segments(), names) < 0 ||
                             std::find(names.begin(), names.end(), segment_name(out_.first)) == names.end()))
            return !(out_.is_gone = true);
        if (r < 0) return refused(-r), false;
        in_.stop_when(ask_.stop);
        out_.bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(in_.size(), 0));
        return true;
    }

    bool check_header() {
        const segment_fault fault = in_.read_header(ask_.bus, out_.first, out_.header);
        const segment_header& h = out_.header;
        switch (fault) {
        case segment_fault::none: break;
        case segment_fault::io: return refused(in_.os_error()), false;
        case segment_fault::version:
        case segment_fault::feature:
            add(severity::unchecked, flaw::newer, 0, fmt::format("it {}", to_string(fault)), "", "check it with the version of evbus that wrote it");
            return keep(), false;
        case segment_fault::foreign:
            add(severity::damage, flaw::header, 0, fmt::format("it belongs to bus {}, the log to bus {}", to_string(bus_of(h)), to_string(ask_.bus)),
                "", "move it into the log that it came from");
            return keep(), false;
        case segment_fault::cut_short:
            if (ask_.newest) {
                if (!ask_.growing)
                    add(severity::note, flaw::unfinished, 0, fmt::format("it was begun and never written ({} bytes)", out_.bytes), "",
                        "the next start of evrecord moves it to quarantine/");
                return keep(), false;
            }
            [[fallthrough]];
        default:
            add(severity::damage, flaw::header, 0, fmt::format("it {}", to_string(fault)),
                ask_.bus.empty() || out_.bytes <= sizeof h ? "" : "its commits were checked one by one",
                ask_.bus.empty() ? "bring it back from a copy" : "evlog repair writes it anew");
        }
        out_.header_fine = fault == segment_fault::none;
        if (out_.header_fine && h.previous_last_seq != out_.first - 1)
            add(severity::damage, flaw::header, 0, fmt::format("its header says that the segment before ended at seq {}", h.previous_last_seq),
                "its commits were checked one by one", "evlog repair writes it anew");
        if (ask_.bus.empty()) return keep(), false;
        return out_.is_read = true;
    }

    void go_through() {
        chain_state start{seed_, out_.header_fine ? out_.header.previous_chain : 0, 0, out_.first};
        segment_footer footer;
        out_.sealed = out_.header_fine && footer.open(in_.source(), out_.first, seed_);
        in_.refresh();
        at_ = sizeof(segment_header);
        chain_ = start.chain;
        const auto visit = [this](const commit_view& c) { take(c); };
        segment_walk w = walk_segment(in_, start, visit);
        std::uint64_t repeated = w.duplicates;
        while (w.fork) {
            add(severity::damage, flaw::fork, w.fork_offset, fmt::format("a second, different commit for seqs up to {}", w.end.next - 1),
                "readers keep the first of the two", "evlog repair keeps the first too; or take the segment from the copy that you trust")
                .bytes = w.fork_end - w.fork_offset;
            at_ = w.fork_end; // the next commit stands there: no break
            keep();
            const std::uint64_t from = w.fork_end;
            w = walk_segment(in_, w.end, visit, from);
            repeated += w.duplicates;
        }
        if (repeated != 0)
            add(severity::note, flaw::repeated, 0, fmt::format("{} commits stand there once more, or late and out of their place", repeated), "readers pass over them", "nothing");
        out_.end = w.end;
        out_.valid_end = w.valid_end;
        out_.torn_last = w.torn_last;
        keep();
        if (w.os_error != 0) {
            refused(w.os_error);
            out_.is_read = false;
        } else if (w.refused != commit_fault::none) {
            add(severity::unchecked, flaw::newer, std::max(at_, w.valid_end), std::string(to_string(w.refused)), "everything before it",
                "check it with the version of evbus that wrote it");
            keep();
            out_.is_read = false;
        } else {
            check_end(w);
        }
    }

    /// What a commit was found to say, and the break before it when there is one.
    void take(const commit_view& c) {
        const commit_header& h = c.header;
        if (c.offset != at_ || h.first_seq > out_.end.next) broken(at_, c.offset, {out_.end.next, h.first_seq - 1}, true);
        else if (chain_ != 0 && h.previous_chain != chain_)
            add(severity::damage, flaw::chain, c.offset, fmt::format("the commit is whole and does not build on the one before it ({})", text_of({h.first_seq, h.last_seq})),
                "it can be read; whether it is what was written here, nobody can say", "compare with a copy of the log; evlog repair takes it over");
        if (h.running_max_ns < out_.end.running_max_ns)
            add(severity::damage, flaw::records, c.offset, "the greatest time so far goes backwards in the commit's header", "all its events", "evlog repair writes it anew");
        check_records(c);
        index_.note(h, c.body, c.offset, seed_);
        out_.compressed |= h.codec != static_cast<std::uint8_t>(codec::none);
        out_.end = state_after(h, seed_);
        chain_ = out_.end.chain;
        if (ask_.progress != nullptr) ask_.progress->fetch_add(c.end() - std::min(at_, c.end()), std::memory_order_relaxed);
        at_ = c.end();
        keep();
    }

    void check_records(const commit_view& c) {
        record_check records(c.header, c.body);
        judged_record r;
        std::uint64_t faults = 0;
        finding* first = nullptr;
        while (records.next(r)) {
            out_.gap_ranges += r.is_gap();
            if (r.fault == nullptr || ++faults > 1) continue;
            first = &add(severity::damage, flaw::records, c.offset, r.fault, "the commit's other records", mend);
            first->bytes = c.end() - c.offset;
            first->seqs = r.range;
            first->what = fmt::format("the commit is whole and holds what evbus does not write: {} (record at byte {} of its body)", r.fault, r.offset);
        }
        if (faults > 1) first->what += fmt::format("; and {} more in this commit", faults - 1);
    }

    /// Behind the commits at `at` that say once more what was said before.
    std::uint64_t behind_repeats(std::uint64_t at, std::uint64_t end) {
        segment_reader again;
        commit_view c;
        if (again.open(fs_, segment_path(dir_, out_.first), seed_) < 0) return at;
        while (at < end && again.read(at, c) == walk::commit && c.end() <= end &&
               (c.header.last_seq < out_.end.next || !covers_seqs(c.header)))
            at = c.end();
        return at;
    }

    /// Bytes from `at` up to `end` are no commit that is believed; `seqs` are missing because of it.
    void broken(std::uint64_t at, std::uint64_t end, seq_range seqs, bool goes_on) {
        at = behind_repeats(at, end);
        if (at == end && seqs.count() == 0) return;
        const std::string good = goes_on ? fmt::format("everything before it; and from seq {} at offset {} on", seqs.last + 1, end) : "everything before it";
        if (at == end) {
            add(severity::damage, flaw::missing, at, fmt::format("{} should stand here, and do not", text_of(seqs)), good, mend).seqs = seqs;
            return;
        }
        commit_view c;
        segment_reader again;
        std::string what = "bytes that are no whole commit";
        if (again.open(fs_, segment_path(dir_, out_.first), seed_) == 0) {
            const walk w = again.read(at, c);
            if (w == walk::broken) what = to_string(again.fault());
            else if (w == walk::commit && c.misplaced()) what = fmt::format("a commit that was written for offset {}", c.header.place);
            else if (w == walk::commit) what = "a commit that does not belong here";
        }
        finding& f = add(severity::damage, flaw::commit, at, what, good, mend);
        f.bytes = end - at;
        f.seqs = seqs;
        if (seqs.count() == 0 && goes_on) f.what += "; no seq is missing because of it";
    }

    /// Behind the last whole commit.
    void check_end(const segment_walk& w) {
        const bool torn_seal = w.sealed && !out_.sealed;
        const std::uint64_t end = w.sealed ? w.bytes : out_.bytes;
        if (torn_seal && out_.header_fine && !ask_.growing)
            add(severity::damage, flaw::footer, end, "its footer is cut off or damaged", "all its commits",
                ask_.newest ? "the next start of evrecord writes a new one" : "evlog repair writes a new one; readers do without");
        at_ = behind_repeats(at_, end);
        if (torn_seal || at_ >= end) return keep();
        if (!out_.sealed && ask_.newest) {
            if (!ask_.growing) unfinished(end);
            return keep();
        }
        segment_footer footer;
        seq_t last = out_.last();
        if (out_.sealed && footer.open(in_.source(), out_.first, seed_))
            if (const auto sum = footer.summary(); sum && sum->first_seq == out_.first && sum->last_seq < max_seq) {
                last = std::max(last, sum->last_seq);
                out_.end.chain = sum->chain;
            }
        broken(at_, end, {out_.end.next, last}, false);
        out_.end.next = last + 1;
        keep();
    }

    /// The newest segment's end. A crash leaves a write that was cut off; anything else is told as damage.
    void unfinished(std::uint64_t end) {
        commit_view c;
        in_.refresh();
        const walk w = in_.read(at_, c);
        const bool cut_off = w == walk::broken && in_.fault() == commit_fault::cut_short;
        const std::uint64_t bytes = end - at_;
        const std::string seqs = out_.torn_last >= out_.end.next && out_.torn_last != no_seq ? fmt::format(", up to seq {}", out_.torn_last) : std::string();
        finding& f = cut_off ? add(severity::note, flaw::unfinished, at_, fmt::format("the log ends in {} bytes of a write that was cut off{}", bytes, seqs),
                                   "everything before it; nobody was told that these bytes are durable", "the next start of evrecord moves them to quarantine/")
                             : add(severity::damage, flaw::commit, at_,
                                   fmt::format("{}; behind it stands no whole commit{}", w == walk::broken ? to_string(in_.fault()) : "bytes that are no whole commit", seqs),
                                   "everything before it", "a power loss in mid-write leaves this too: the next start of evrecord moves these bytes to quarantine/");
        f.bytes = bytes;
        if (!cut_off && out_.torn_last != no_seq && out_.torn_last >= out_.end.next) f.seqs = {out_.end.next, out_.torn_last};
    }

    file_system& fs_;
    const log_dir& dir_;
    segment_question ask_;
    std::uint64_t seed_;
    segment_reader in_;
    segment_index index_;
    std::uint64_t at_ = 0;     ///< where the last believed commit ended
    std::uint64_t chain_ = 0;  ///< after it; 0 when not known
    std::vector<finding> scratch_;
    checked_segment out_;
};

/// True when `f` was found before, too: what a writer was just about is gone at the second look.
bool stands_in(const findings& before, const finding& f) {
    return std::any_of(before.kept().begin(), before.kept().end(),
                       [&](const finding& b) { return b.kind == f.kind && b.offset == f.offset && b.file == f.file && b.weight == f.weight; });
}

} // namespace

checked_segment verify_segment(file_system& fs, const log_dir& dir, seq_t first, const segment_question& ask) {
    checked_segment out = examiner(fs, dir, first, ask).examine();
    if (!ask.growing || out.found.count(severity::damage) == 0) return out;
    segment_question quiet = ask;
    quiet.progress = nullptr;
    checked_segment again = examiner(fs, dir, first, quiet).examine();
    findings both;
    for (const finding& f : again.found.kept())
        if (stands_in(out.found, f)) both.add(f);
    again.found = std::move(both);
    return again;
}

} // namespace log
} // namespace v1
} // namespace evbus
