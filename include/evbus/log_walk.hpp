// Walking the log seq by seq, from frames to events: what consumer and tools share. Every seq ends up
// in the account of `deliver`.
#pragma once

#include <evbus/delivery.hpp>
#include <evbus/filter.hpp>
#include <evbus/header_filter.hpp>
#include <evbus/log/log_reader.hpp>
#include <evbus/read_options.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace evbus {
inline namespace v1 {

/// Why a walk through the log came to rest.
enum class log_rest : std::uint8_t {
    limits, ///< as many events as were asked for, or walked over as much as one call should
    end,    ///< nothing further in the log now, or `limit` reached
    failed, ///< the system reported an error; failure() says which, and the same place is tried again
};

class log_walk {
public:
    /// Throws what log_reader throws.
    log_walk(log::file_system& fs, const std::string& dir, const log::reader_options& how) : log_(fs, dir, how) {}

    [[nodiscard]] log::log_reader& log() noexcept { return log_; }

    /// Events must have these headers as well.
    void want_headers(header_filter wanted) { headers_ = std::move(wanted); }
    /// Of the frames, those at these seqs are wanted, in the order of their first; the others may come or not. Null:
    /// all. Stays the caller's.
    void want_only(const std::vector<seq_range>* seqs) noexcept { only_ = seqs; }

    /// Gives what is in the log from `at` on, up to `limit`; moves `at` to the first seq not walked.
    /// `on_member(member_info)` is told of MEMBER records on the way. While `*not_before_ns` is not 0,
    /// frames stamped earlier count as filtered; the first that is not makes it 0. What no event of which can
    /// match is not read where an index says so, and counts as filtered.
    template <class OnEvent, class OnGap, class OnMember>
    log_rest poll(seq_t& at, seq_t limit, filter_set& wanted, delivery& deliver, OnEvent& on_event, OnGap& on_gap,
                  OnMember&& on_member, const poll_limits& limits, std::int64_t* not_before_ns = nullptr) {
        deliver.owe_what_is_shed();
        if (deliver.owed() != nullptr)
            if (const log_rest rest = settle_owed(at, limit, deliver, on_event, on_gap); rest != log_rest::end || deliver.owed() != nullptr)
                return rest;
        if (log_.position() != at) log_.seek(at);
        const log::query asked{.topics = &wanted, .headers = &headers_, .only = only_};
        const bool narrows = asked.narrows();
        log_.select(asked);
        const std::uint64_t events_before = deliver.account().events;
        std::size_t bytes = 0;
        const auto counted = [&](const event& e) {
            bytes += e.payload().size();
            on_event(e);
        };
        log::entry e; // not one a record: clearing it again and again took a third of the walk
        // A filter that rejects everything must not keep the caller here for ever either.
        for (std::size_t looks = 0; looks < entries_a_poll; ++looks) {
            if (bytes >= limits.max_bytes || deliver.account().events - events_before >= limits.max_events) break;
            if (narrows) log_.may_skip(!deliver.has_open() && (not_before_ns == nullptr || *not_before_ns == 0));
            const log::step s = log_.next(e, limit);
            at = log_.position();
            if (s != log::step::entry) return s == log::step::end ? log_rest::end : log_rest::failed;
            switch (e.kind) {
            case log::entry_kind::frame:
                if (not_before_ns != nullptr && is_before(e, *not_before_ns)) [[unlikely]] deliver.rejected(e.frame.publisher(), on_gap);
                else if (!take_frame(e, wanted, deliver, counted, on_gap)) [[unlikely]] {
                    at = e.seq(); // not walked yet
                    return log_rest::limits;
                }
                break;
            case log::entry_kind::skipped: deliver.filtered(e.range.count()); break;
            case log::entry_kind::void_range: deliver.voided(e.range.count()); break;
            case log::entry_kind::gap: deliver.gap(e.range, e.cause, on_gap); break;
            case log::entry_kind::member:
                if (e.member.what == log::member_change::left)
                    deliver.publisher_ended({e.member.number, e.member.incarnation}, on_gap);
                on_member(e.member);
                break;
            default: break;
            }
        }
        return log_rest::limits;
    }
    /// Goes on reading an event again, as far as the log has it up to `limit`. `limits`: there is more.
    log_rest read_again(shed_event& again, seq_t limit) {
        // Its topic alone: it may have taken its author hours, and who knows what lies between.
        const filter_set only({again.topic}, {});
        log_.select({&only});
        log_.may_skip(true);
        log_.seek(again.next);
        log::entry e;
        log_rest rest = log_rest::limits;
        for (std::size_t looks = 0; looks < entries_a_poll && rest == log_rest::limits && !again.is_walked(); ++looks) {
            const log::step s = log_.next(e, std::min(limit, again.seqs.last));
            again.next = log_.position();
            if (s != log::step::entry) rest = s == log::step::end ? log_rest::end : log_rest::failed;
            else if (e.kind == log::entry_kind::frame) again.take(e.frame);
        }
        log_.select({});
        return again.is_walked() ? log_rest::end : rest;
    }
    /// Publish time of the last frame walked over, ns since 1970.
    [[nodiscard]] std::int64_t last_time_ns() const noexcept { return last_ns_; }

private:
    static constexpr std::size_t entries_a_poll = 65'536;

    [[nodiscard]] static bool is_before(const log::entry& e, std::int64_t& ns) noexcept {
        if (e.time_ns() < ns) return true;
        ns = 0;
        return false;
    }
    /// `end` with nothing owed any more: go on behind it, at `at`.
    template <class OnEvent, class OnGap>
    log_rest settle_owed(seq_t& at, seq_t limit, delivery& deliver, OnEvent& on_event, OnGap& on_gap) {
        shed_event& again = *deliver.owed();
        if (const log_rest rest = read_again(again, limit); !again.is_walked()) return rest;
        at = again.seqs.last + 1;
        deliver.settle_owed(on_event, on_gap);
        return log_rest::end;
    }
    /// False: it is not walked, for an event is owed.
    template <class OnEvent, class OnGap>
    bool take_frame(const log::entry& e, filter_set& wanted, delivery& deliver, OnEvent& on_event, OnGap& on_gap) {
        last_ns_ = e.time_ns();
        const std::uint64_t hash = e.frame.header.topic_hash;
        const topic_verdict verdict =
            wanted.by_hash(hash) == hash_verdict::rejected ? topic_verdict::rejected : wanted.judge(hash, e.frame.topic);
        switch (verdict) {
        case topic_verdict::accepted:
            if (headers_.empty() || headers_.lets_pass(e.frame)) [[likely]]
                return deliver.frame(e.seq(), e.frame, last_ns_, on_event, on_gap);
            [[fallthrough]];
        case topic_verdict::rejected: deliver.rejected(e.frame.publisher(), on_gap); break;
        case topic_verdict::malformed: deliver.gap(e.range, gap_cause::malformed, on_gap); break;
        }
        return true;
    }

    log::log_reader log_;
    header_filter headers_;
    const std::vector<seq_range>* only_ = nullptr;
    std::int64_t last_ns_ = 0;
};

} // namespace v1
} // namespace evbus
