// From frames to events: joins the fragments of large events, and keeps the account of every seq
// that a reader walked over. Fed by subscriber (from the ring), consumer and tools (from ring and
// log alike), always in seq order.
//
// The sum law, in seqs: delivered + filtered + voids + gaps + open = walked.
//
// Memory: at most the budget for events that are not whole yet, or one event alone, since that could not
// be had otherwise. What is over it is shed: the bytes are forgotten, the place is not. When its last
// fragment comes, a shed event is owed: whoever has a log reads it again and gives it in its place;
// without one it is a gap.
#pragma once

#include <evbus/event.hpp>
#include <evbus/frame.hpp>
#include <evbus/ids.hpp>
#include <evbus/shed_event.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace evbus {
inline namespace v1 {

/// The account of one reader. All in seqs but `events`.
struct tally {
    std::uint64_t events = 0;    ///< given to the handler
    std::uint64_t delivered = 0; ///< seqs of those events; a large event has several
    std::uint64_t filtered = 0;  ///< rejected by the filter, or before the start that was asked for
    std::uint64_t voids = 0;     ///< nothing was published there
    std::uint64_t open = 0;      ///< fragments of events that are not whole yet
    std::array<std::uint64_t, gap_causes> gaps{}; ///< by gap_cause
    std::uint64_t headless = 0;  ///< of filtered and gaps: parts of events whose beginning was not given
    std::uint64_t overwritten_while_reading = 0;  ///< of gaps[overwritten]: found while copying
    std::uint64_t shed = 0;      ///< events over the budget, forgotten to be read again from the log; without one they are gaps

    [[nodiscard]] std::uint64_t lost() const noexcept {
        std::uint64_t sum = 0;
        for (std::uint64_t g : gaps) sum += g;
        return sum;
    }
    [[nodiscard]] std::uint64_t in_gaps(gap_cause cause) const noexcept { return gaps[static_cast<std::size_t>(cause)]; }
    [[nodiscard]] std::uint64_t walked() const noexcept { return delivered + filtered + voids + open + lost(); }
};

/// Bytes that a reader holds for events that are not whole yet, unless told otherwise.
inline constexpr std::size_t default_buffered_bytes = std::size_t{48} << 20;

class delivery {
public:
    /// `max_open_bytes` bounds the memory for events that are not whole yet.
    explicit delivery(std::size_t max_open_bytes = default_buffered_bytes) : max_open_bytes_(max_open_bytes) {}

    /// What was shed can be read again: it is owed, and not a gap.
    void owe_what_is_shed() noexcept { owes_ = true; }

    /// A frame that the filter let pass, published at `published_ns`. False: it is the last one of an event
    /// that was shed, and not walked: read owed() again, give or lose it, and go on behind this frame.
    template <class OnEvent, class OnGap>
    bool frame(seq_t seq, const frame_view& f, std::int64_t published_ns, OnEvent&& on_event, OnGap&& on_gap) {
        if (open_.empty() && !f.is_fragment()) [[likely]] {
            give_single(seq, f, published_ns, on_event);
            return true;
        }
        return frame_slow(seq, f, published_ns, on_event, on_gap);
    }
    /// Null while nothing is owed.
    [[nodiscard]] shed_event* owed() noexcept { return owed_ ? &*owed_ : nullptr; }
    /// What is owed has been walked again: it is given if it is whole, else it is a gap. Its last frame counts as walked.
    template <class OnEvent, class OnGap>
    void settle_owed(OnEvent&& on_event, OnGap&& on_gap) {
        const shed_event again = std::move(*owed_);
        owed_.reset();
        (void)take_open(find_open(again.publisher.number));
        if (!again.is_whole()) return give_gap({again.seqs, gap_cause::incomplete, again.frames}, on_gap);
        tally_.delivered += again.frames;
        ++tally_.events;
        on_event(again.view());
    }
    /// A frame that the filter rejected. Its publisher's open event, if there is one, ended unfinished.
    template <class OnGap>
    void rejected(publisher_id by, OnGap&& on_gap) {
        ++tally_.filtered;
        if (!open_.empty()) [[unlikely]] end_open_of(by.number, on_gap);
    }
    void filtered(std::uint64_t seqs = 1) noexcept { tally_.filtered += seqs; }
    /// For who picks events by what their first frame says: later frames of an event whose beginning was not
    /// given count as filtered, and not as a gap. What hid the beginning was a gap of its own.
    void pick_by_first_frames() noexcept { by_first_frames_ = true; }
    void voided(std::uint64_t seqs = 1) noexcept { tally_.voids += seqs; }
    /// Seqs that cannot be given. Open events go on after one such seq, if their next fragment fits. Two may have been
    /// the end of an event and the beginning of another of the same length: then offsets that meet say nothing, and it
    /// is over, whether or not its publisher is ever heard of again.
    template <class OnGap>
    void gap(seq_range range, gap_cause cause, OnGap&& on_gap) {
        if (range.count() == 0) return;
        last_gap_ = range.last;
        for (open_event& o : open_) o.missing += range.count();
        give_gap({range, cause, range.count()}, on_gap);
        for (std::size_t i = 0; i < open_.size();)
            if (open_[i].missing < 2) ++i;
            else end_open(i, on_gap);
    }
    /// A publisher is gone: what it left open was never published.
    template <class OnGap>
    void publisher_ended(publisher_id who, OnGap&& on_gap) {
        for (std::size_t i = 0; i < open_.size(); ++i)
            if (open_[i].publisher == who) return end_open(i, on_gap);
    }

    /// Publishers with an event that is not whole yet.
    [[nodiscard]] std::vector<publisher_id> open_publishers() const {
        std::vector<publisher_id> all;
        for (const open_event& o : open_) all.push_back(o.publisher);
        return all;
    }
    [[nodiscard]] bool has_open() const noexcept { return !open_.empty(); }
    /// Bytes held for events that are not whole yet.
    [[nodiscard]] std::size_t open_bytes() const noexcept { return open_bytes_; }
    [[nodiscard]] std::size_t max_open_bytes() const noexcept { return max_open_bytes_; }
    /// Is an event open whose bytes were forgotten?
    [[nodiscard]] bool has_shed() const noexcept {
        return std::any_of(open_.begin(), open_.end(), [](const open_event& o) { return o.shed; });
    }
    /// The first seq of the oldest event that is not whole yet; no_seq when there is none.
    [[nodiscard]] seq_t oldest_open() const noexcept {
        seq_t oldest = no_seq;
        for (const open_event& o : open_)
            if (oldest == no_seq || o.seqs.first < oldest) oldest = o.seqs.first;
        return oldest;
    }
    [[nodiscard]] const tally& account() const noexcept { return tally_; }
    /// What was walked so far lay before the start that was asked for: it counts as filtered, save what is open.
    void begin_account() noexcept {
        const std::uint64_t walked = tally_.walked(), open = tally_.open;
        tally_ = {};
        tally_.open = open;
        tally_.filtered = walked - open;
    }
    /// The event that is being given was not asked for after all: its seqs count as filtered.
    void take_back(std::uint64_t seqs) noexcept {
        --tally_.events;
        tally_.delivered -= seqs;
        tally_.filtered += seqs;
    }
    void count_overwritten_while_reading() noexcept { ++tally_.overwritten_while_reading; }

private:
    struct open_event {
        publisher_id publisher;
        seq_range seqs;
        std::uint64_t count;
        std::uint64_t missing; ///< seqs in gaps since its last fragment
        std::uint32_t total;
        std::uint32_t received; ///< bytes of its payload so far
        bool shed;
        std::uint64_t topic_hash;
        std::string topic;
        std::vector<std::byte> headers_block; ///< empty once shed
        std::vector<std::byte> payload;       ///< empty once shed
        [[nodiscard]] std::size_t bytes() const noexcept { return headers_block.size() + payload.size(); }
    };

    template <class OnEvent>
    void give_single(seq_t seq, const frame_view& f, std::int64_t published_ns, OnEvent&& on_event) {
        ++tally_.delivered;
        ++tally_.events;
        on_event(event({{seq, seq}, f.header.topic_hash, published_ns, f.publisher(), f.topic, f.payload, f.headers_block}));
    }
    template <class OnGap>
    void give_gap(const evbus::gap& g, OnGap&& on_gap) {
        tally_.gaps[static_cast<std::size_t>(g.cause) % gap_causes] += g.seqs;
        on_gap(g);
    }

    template <class OnEvent, class OnGap>
    [[gnu::noinline]] bool frame_slow(seq_t seq, const frame_view& f, std::int64_t published_ns, OnEvent&& on_event, OnGap&& on_gap) {
        std::size_t at = find_open(f.publisher().number);
        if (at != open_.size() && !continues(open_[at], f)) {
            end_open(at, on_gap);
            at = open_.size();
        }
        if (!f.is_fragment()) {
            give_single(seq, f, published_ns, on_event);
            return true;
        }
        if (at == open_.size()) {
            if (!f.is_first()) {
                orphan(seq, on_gap);
                return true;
            }
            open_.push_back({f.publisher(), {seq, seq}, 0, 0, f.total, 0, false, f.header.topic_hash, std::string(f.topic),
                             {f.headers_block.begin(), f.headers_block.end()}, {}});
            open_bytes_ += f.headers_block.size();
        }
        open_event& o = open_[at];
        if (o.shed && f.is_last()) return settle_shed(o, seq, published_ns, on_gap);
        o.seqs.last = seq;
        o.missing = 0;
        o.received += static_cast<std::uint32_t>(f.payload.size());
        ++o.count;
        ++tally_.open;
        if (o.shed) return true;
        o.payload.insert(o.payload.end(), f.payload.begin(), f.payload.end());
        open_bytes_ += f.payload.size();
        if (f.is_last()) give_joined(at, published_ns, on_event);
        else if (open_bytes_ > max_open_bytes_) [[unlikely]] make_room();
        return true;
    }
    [[nodiscard]] static bool continues(const open_event& o, const frame_view& f) noexcept {
        return f.is_fragment() && f.offset == o.received && f.offset != 0 && f.total == o.total &&
               f.publisher() == o.publisher && f.header.topic_hash == o.topic_hash && f.topic == o.topic;
    }
    /// The rest of an event whose beginning this reader has not: begun before its start, or lost.
    template <class OnGap>
    void orphan(seq_t seq, OnGap&& on_gap) {
        ++tally_.headless;
        if (last_gap_ == no_seq || by_first_frames_) ++tally_.filtered;
        else give_gap({{seq, seq}, gap_cause::incomplete, 1}, on_gap);
    }
    template <class OnEvent>
    void give_joined(std::size_t at, std::int64_t published_ns, OnEvent&& on_event) {
        const open_event whole = take_open(at);
        tally_.delivered += whole.count;
        ++tally_.events;
        on_event(event({whole.seqs, whole.topic_hash, published_ns, whole.publisher, whole.topic, whole.payload, whole.headers_block}));
    }
    template <class OnGap>
    void end_open_of(member_no number, OnGap&& on_gap) {
        const std::size_t at = find_open(number);
        if (at != open_.size()) end_open(at, on_gap);
    }
    /// Ended by its own publisher it was never published; if a gap may hold its rest, it is lost.
    template <class OnGap>
    void end_open(std::size_t at, OnGap&& on_gap) {
        const open_event o = take_open(at);
        if (last_gap_ > o.seqs.last) give_gap({o.seqs, gap_cause::incomplete, o.count}, on_gap);
        else tally_.voids += o.count;
    }
    /// What is farthest from being whole goes first, of equals the youngest: it would be held the longest.
    [[gnu::noinline]] void make_room() {
        const auto rank = [](const open_event& o) { return std::pair(o.bytes() == 0 ? 0 : o.total - o.received, o.seqs.first); };
        while (open_bytes_ > max_open_bytes_) {
            open_event& farthest = *std::max_element(open_.begin(), open_.end(), [&](const open_event& x, const open_event& y) {
                return rank(x) < rank(y);
            });
            if (farthest.bytes() == open_bytes_) return; // one event alone
            open_bytes_ -= farthest.bytes();
            farthest.shed = true;
            farthest.headers_block = {};
            farthest.payload = {};
            ++tally_.shed;
        }
    }
    /// The last frame of an event that was shed: false when it is owed.
    template <class OnGap>
    bool settle_shed(const open_event& o, seq_t last, std::int64_t published_ns, OnGap&& on_gap) {
        shed_event whole{o.publisher, {o.seqs.first, last}, o.count + 1, o.total, o.topic_hash, published_ns, o.topic, o.seqs.first};
        if (owes_) {
            owed_ = std::move(whole);
            return false;
        }
        (void)take_open(find_open(whole.publisher.number));
        give_gap({whole.seqs, gap_cause::incomplete, whole.frames}, on_gap);
        return true;
    }
    [[nodiscard]] std::size_t find_open(member_no number) const noexcept {
        std::size_t at = 0;
        while (at != open_.size() && open_[at].publisher.number != number) ++at;
        return at;
    }
    open_event take_open(std::size_t at) {
        open_event o = std::move(open_[at]);
        open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(at));
        tally_.open -= o.count;
        open_bytes_ -= o.bytes();
        return o;
    }

    std::vector<open_event> open_;
    std::optional<shed_event> owed_;
    bool owes_ = false;
    std::size_t open_bytes_ = 0;
    std::size_t max_open_bytes_;
    seq_t last_gap_ = no_seq;
    bool by_first_frames_ = false;
    tally tally_;
};

} // namespace v1
} // namespace evbus
