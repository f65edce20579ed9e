// The newest event of each topic, gathered from stretches of a bus that are walked forwards, the newest
// stretch first. Keeps where the events stand, not the events.
//
// The hard case is an event larger than a slot: its last part may stand in a stretch and its first one before
// it. Whether it is whole, and by that the topic's newest, is a doubt until a stretch shows how its publisher
// began it.
#pragma once

#include <evbus/delivery.hpp>
#include <evbus/error.hpp>
#include <evbus/filter.hpp>
#include <evbus/frame.hpp>
#include <evbus/header_filter.hpp>
#include <evbus/ids.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace evbus {
inline namespace v1 {

/// What is to be read for the newest event of each topic, and what of it is to be given.
struct newest_pick {
    std::map<std::string, seq_t, std::less<>> newest; ///< by topic: its newest event's seq
    std::vector<seq_range> ranges;                    ///< the events' seqs, ascending; all else up to `top` may be passed over
    seq_t begin = 1;                                  ///< the walk begins here
    seq_t top = no_seq;                               ///< behind it everything is given

    /// Nothing that is newer than what was found is ever left out.
    [[nodiscard]] bool wants(const event& e) const {
        const auto it = newest.find(e.topic());
        return it == newest.end() || e.seq() >= it->second;
    }
};

/// One thread. Memory: about 250 bytes a topic, for at most max_topics of them, and one large event.
class newest_topics {
public:
    static constexpr std::size_t max_topics = 262'144;

    /// The filters stay the caller's.
    newest_topics(const filter_set& wanted, const header_filter& headers) : wanted_(&wanted), headers_(&headers) {}

    /// What is known of one topic.
    struct topic_state {
        /// The end of an event that nobody has seen the beginning of.
        struct part {
            publisher_id by;
            seq_t seq;            ///< of the last part met
            std::uint32_t before; ///< bytes of payload that stand before it
            bool open;            ///< more of it comes behind the end of the search
        };
        struct beginner {
            publisher_id by;
            seq_t first; ///< where it began an event first, in this stretch
        };
        seq_range event{no_seq, no_seq}; ///< the newest whole one; no_seq: none was found
        bool settled = false;            ///< nothing in an older stretch can change it
        bool looked_for = true;          ///< in this stretch
        seq_t complete_from = max_seq;   ///< this stretch has every frame of the topic from there on
        std::vector<part> doubts{};
        std::vector<beginner> begun{};

        /// So many bytes of payload at least are to be found further back.
        [[nodiscard]] std::uint32_t bytes_before() const noexcept {
            std::uint32_t most = 0;
            for (const part& p : doubts) most = std::max(most, p.before);
            return most;
        }
    };

    /// A stretch that begins at `first`. `whole`: no frame of it will be left out; else expect() says which topics
    /// are looked for in it, and from where on.
    void begin_stretch(seq_t first, bool whole = true) {
        deliver_ = joiner();
        loose_.clear();
        complete_from_ = whole ? first : max_seq;
        for (auto& [name, t] : topics_) {
            t.looked_for = whole;
            t.complete_from = complete_from_;
            t.begun.clear();
        }
    }
    static void expect(topic_state& t, seq_t from) noexcept {
        t.looked_for = true;
        t.complete_from = from;
    }
    /// A frame whose topic the filter lets pass. Throws too_large when there are too many topics.
    void frame(seq_t seq, const frame_view& f) {
        topic_state& t = recall(f.header.topic_hash, f.topic);
        if (t.settled || !t.looked_for) return rejected(f.publisher());
        if (f.is_first()) begins(t, seq, f.publisher());
        else meets_part(t, seq, f);
        if (!headers_->lets_pass(f)) return rejected(f.publisher());
        const auto found = [&t](const seq_range& at) { // before complete_from a newer one may have been passed over
            if (at.last >= t.complete_from && at.last > t.event.last) t.event = at;
        };
        if (deliver_.frame(seq, f, 0, [&](const event& e) { found({e.first_seq(), e.seq()}); }, no_gap)) return;
        found(deliver_.owed()->seqs); // where it stands is all that is asked for
        deliver_.settle_owed([](const event&) {}, no_gap);
    }
    /// A frame that the filter rejected.
    void rejected(publisher_id by) {
        if (!loose_.empty()) loose_.erase(to_u16(by.number));
        deliver_.rejected(by, no_gap);
    }
    void gap(seq_range range) {
        note_gap(range.first);
        deliver_.gap(range, gap_cause::damage, no_gap);
    }
    void publisher_ended(publisher_id who) {
        loose_.erase(to_u16(who.number));
        deliver_.publisher_ended(who, no_gap);
    }
    /// Something stands at or behind `first` that nobody can be given.
    void note_gap(seq_t first) noexcept { first_gap_ = std::min(first_gap_, first); }
    /// Nobody knows what stands there: it is to be read.
    void not_searched(seq_range range) {
        note_gap(range.first);
        if (unknown_.empty() || unknown_.back() != range) unknown_.push_back(range);
    }
    [[nodiscard]] bool has_open() const noexcept { return deliver_.has_open(); }

    /// The stretch is over; an event that is open now is open at the end of all that is searched. `at_top`: so are
    /// those whose parts came last.
    void end_stretch(bool at_top) {
        if (deliver_.has_open()) open_from_ = std::min(open_from_, deliver_.oldest_open());
        if (at_top)
            for (const auto& [number, l] : loose_) doubt(*l.of, l.last);
        for (auto& [name, t] : topics_) {
            if (t.settled) continue;
            std::erase_if(t.doubts, [&state = t](const topic_state::part& p) {
                return std::any_of(state.begun.begin(), state.begun.end(), [&](const auto& b) { return b.by == p.by && b.first < p.seq; }) ||
                       (!p.open && p.seq <= state.event.last);
            });
            t.settled = t.event.last != no_seq && t.doubts.empty();
        }
    }
    void clear() {
        topics_.clear();
        recent_.fill(nullptr);
        unknown_.clear();
        loose_.clear();
        deliver_ = joiner();
        first_gap_ = open_from_ = max_seq;
    }

    /// Null for a topic that was not met.
    [[nodiscard]] topic_state* find(std::string_view topic) {
        const auto it = topics_.find(topic);
        return it == topics_.end() ? nullptr : &it->second;
    }
    /// Adds it when it is new. Throws too_large when there are too many.
    [[nodiscard]] topic_state& at(std::string_view topic) {
        if (topic_state* const known = find(topic)) return *known;
        if (topics_.size() >= max_topics)
            throw error(errc::too_large, {"find the newest event of each topic", "filter",
                                          "more than " + std::to_string(max_topics) + " topics match", "ask for fewer topics at once"});
        topic_state& t = topics_[std::string(topic)];
        t.complete_from = complete_from_;
        return t;
    }
    /// Nothing older can matter: each topic that was asked for by name is settled.
    [[nodiscard]] bool is_complete() {
        return each_named([](const topic_state& t) { return t.settled; });
    }
    /// What to read for it. Gaps are passed where they may hide something newer than what was found: all of them,
    /// unless each topic that was asked for by name was found above them.
    [[nodiscard]] newest_pick pick(seq_t top) {
        newest_pick out;
        out.top = top;
        const seq_t after = top == max_seq ? max_seq : top + 1;
        for (const auto& [name, t] : topics_) {
            if (t.event.last == no_seq || t.event.last > top) continue;
            out.newest.emplace(name, t.event.last);
            out.ranges.push_back(t.event);
        }
        out.ranges.insert(out.ranges.end(), unknown_.begin(), unknown_.end());
        out.ranges.push_back({std::min(open_from_, after), max_seq});
        std::sort(out.ranges.begin(), out.ranges.end(), [](const seq_range& a, const seq_range& b) { return a.first < b.first; });
        out.begin = std::min(open_from_, after);
        for (const auto& [name, t] : topics_)
            if (out.newest.contains(name)) out.begin = std::min(out.begin, t.event.first);
        if (!each_named([](const topic_state& t) { return t.event.last != no_seq; })) out.begin = std::min(out.begin, first_gap_);
        return out;
    }

private:
    struct loose_part {
        topic_state* of;
        topic_state::part last;
    };
    static constexpr std::size_t most_begun = 8; ///< a topic's publishers that are remembered; of others doubts remain

    static void no_gap(const evbus::gap&) noexcept {}
    /// Keeps the bytes of one open event at most.
    [[nodiscard]] static delivery joiner() {
        delivery d(1);
        d.owe_what_is_shed();
        return d;
    }

    [[nodiscard]] topic_state& recall(std::uint64_t hash, std::string_view topic) {
        auto*& known = recent_[hash % recent_.size()];
        if (known == nullptr || known->first != topic) {
            (void)at(topic);
            known = &*topics_.find(topic);
        }
        return known->second;
    }
    void begins(topic_state& t, seq_t seq, publisher_id by) {
        if (!loose_.empty()) loose_.erase(to_u16(by.number));
        if (seq < t.complete_from || t.begun.size() >= most_begun) return;
        if (std::none_of(t.begun.begin(), t.begun.end(), [&](const auto& b) { return b.by == by; })) t.begun.push_back({by, seq});
    }
    void meets_part(topic_state& t, seq_t seq, const frame_view& f) {
        const publisher_id by = f.publisher();
        if (std::any_of(t.begun.begin(), t.begun.end(), [&](const auto& b) { return b.by == by; })) return;
        const topic_state::part met{by, seq, f.offset, !f.is_last()};
        loose_.erase(to_u16(by.number));
        if (met.open) loose_.emplace(to_u16(by.number), loose_part{&t, met});
        else doubt(t, met);
    }
    static void doubt(topic_state& t, const topic_state::part& met) {
        t.settled = false;
        for (topic_state::part& p : t.doubts)
            if (p.by == met.by) {
                if (met.seq > p.seq) p = met;
                return;
            }
        t.doubts.push_back(met);
    }
    /// False when a filter has a wildcard: nobody knows which topics there are.
    template <class Holds>
    [[nodiscard]] bool each_named(Holds&& holds) {
        return wanted_->is_exact() && std::all_of(wanted_->include().begin(), wanted_->include().end(), [&](const filter& f) {
                   if (!wanted_->matches(f.pattern())) return true; // excluded
                   const topic_state* const t = find(f.pattern());
                   return t != nullptr && holds(*t);
               });
    }

    using table = std::map<std::string, topic_state, std::less<>>;

    const filter_set* wanted_;
    const header_filter* headers_;
    table topics_;
    std::array<table::value_type*, 256> recent_{}; ///< by topic hash
    std::map<std::uint16_t, loose_part> loose_;    ///< by publisher: parts of an event whose end was not met yet either
    delivery deliver_ = joiner();
    seq_t complete_from_ = max_seq;
    std::vector<seq_range> unknown_;
    seq_t first_gap_ = max_seq;
    seq_t open_from_ = max_seq; ///< events that are not whole at the top begin there or later
};

} // namespace v1
} // namespace evbus
