// Who publishes, for the log: a MEMBER record before a publisher's first frame, and one after its
// last, so that a reader of the log alone knows both names and ends.
#pragma once

#include <evbus/log/batch.hpp>
#include <evbus/ring/head.hpp>
#include <evbus/ring/members.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace recorder {

class member_watch {
public:
    explicit member_watch(const ring::attachment& at) : at_(&at) {}

    /// True when `who` is known: its MEMBER record stands before this place.
    [[nodiscard]] bool knows(publisher_id who) const noexcept { return known_[to_u16(who.number)] == who.incarnation; }

    /// Writes what is to be said before a frame of `who`. False when the batch is full.
    [[nodiscard]] bool introduce(publisher_id who, log::batch& to) {
        std::uint16_t& known = known_[to_u16(who.number)];
        if (known != 0) {
            if (!say_left({who.number, known}, to)) return false;
            known = 0;
        }
        ring::member_info m = ring::read_member(*at_, who.number);
        // The entry may tell of a later life already; then this one's name is gone.
        if (m.incarnation != who.incarnation) m = {};
        if (!to.add_member({who.number, who.incarnation, log::member_change::joined, m.pid,
                            m.joined_ns, m.name}))
            return false;
        known = who.incarnation;
        return true;
    }

    /// What was said of them did not reach the log: everybody is to be introduced again.
    void forget() noexcept { known_.fill(0); }

    /// Looks who is gone. Their `left` is said once everything they can have published was read.
    void look() {
        for (std::uint16_t n = 1; n <= max_publishers; ++n) {
            if (known_[n] == 0 || is_leaving(n)) continue;
            const auto number = static_cast<member_no>(n);
            if (!ring::is_alive(*at_, number) || ring::read_member(*at_, number).incarnation != known_[n])
                leaving_.push_back({{number, known_[n]}, ring::find_head(*at_)});
        }
    }
    /// Says `left` of those whose last seq is before `next`. False when the batch is full.
    [[nodiscard]] bool say_goodbyes(seq_t next, log::batch& to) {
        while (!leaving_.empty() && leaving_.front().head <= next) {
            const publisher_id who = leaving_.front().who;
            if (knows(who)) {
                if (!say_left(who, to)) return false;
                known_[to_u16(who.number)] = 0;
            }
            leaving_.erase(leaving_.begin());
        }
        return true;
    }
    [[nodiscard]] bool has_goodbyes(seq_t next) const noexcept { return !leaving_.empty() && leaving_.front().head <= next; }

private:
    struct goodbye {
        publisher_id who;
        seq_t head; ///< nothing of it stands at or above this seq
    };
    [[nodiscard]] bool is_leaving(std::uint16_t n) const noexcept {
        for (const goodbye& g : leaving_)
            if (to_u16(g.who.number) == n) return true;
        return false;
    }
    static bool say_left(publisher_id who, log::batch& to) {
        return to.add_member({who.number, who.incarnation, log::member_change::left, 0, detail::wall_ns(), {}});
    }

    const ring::attachment* at_;
    std::array<std::uint16_t, max_publishers + 1> known_{}; ///< incarnation by number; 0 = not known
    std::vector<goodbye> leaving_;
};

} // namespace recorder
} // namespace v1
} // namespace evbus
