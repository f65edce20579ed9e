// The table of participants: who is there, by number, name and pid, and where each one stands.
#pragma once

#include <evbus/detail/cpu.hpp>
#include <evbus/detail/probe.hpp>
#include <evbus/error.hpp>
#include <evbus/notice.hpp>
#include <evbus/ring/attachment.hpp>
#include <evbus/ring/liveness.hpp>
#include <evbus/ring/repair.hpp>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace ring {

inline constexpr std::size_t max_member_name = 39;

/// A printable copy of an entry: whatever stands in shared memory, this is safe to show.
struct member_info {
    member_no number = member_no::nobody;
    member_kind kind = member_kind::none;
    std::uint16_t incarnation = 0;
    std::uint32_t pid = 0;
    std::int64_t joined_ns = 0;
    std::string name;
    bool joined = false; ///< its entry says so; is_alive() is the proof
    std::uint64_t position = 0;
    std::uint64_t events = 0;
    std::uint64_t lost = 0;
    std::uint64_t voids = 0;
    std::uint64_t from_log = 0;
    std::uint64_t turns = 0;
    std::uint32_t mode = 0;
    std::uint32_t pressure = 0;
    std::uint64_t shed = 0;
};

[[nodiscard]] constexpr const char* to_string(member_kind kind) noexcept {
    switch (kind) {
    case member_kind::publisher: return "publisher";
    case member_kind::subscriber: return "subscriber";
    case member_kind::consumer: return "consumer";
    case member_kind::recorder: return "recorder";
    case member_kind::tool: return "tool";
    case member_kind::none: break;
    }
    return "unknown";
}

/// Reads one entry; retries while its owner is writing it.
[[nodiscard]] inline member_info read_member(const attachment& at, member_no n) {
    constexpr auto relaxed = std::memory_order_relaxed;
    const member_entry& e = at.member(n);
    member_info info;
    bool of_one_life = false;
    for (int tries = 0; tries < 8 && !of_one_life; ++tries) {
        info.number = n;
        // The life first: a state read before it might be the life's before.
        info.incarnation = e.incarnation.load(std::memory_order_acquire);
        const std::uint8_t state = e.state.load(std::memory_order_acquire);
        info.joined = state == static_cast<std::uint8_t>(member_state::joined);
        info.kind = static_cast<member_kind>(e.kind.load(relaxed));
        info.pid = e.pid.load(relaxed);
        info.joined_ns = e.joined_ns.load(relaxed);
        char name[sizeof e.name + 1] = {};
        for (std::size_t i = 0; i < std::size(e.name); ++i) {
            const std::uint64_t word = e.name[i].load(relaxed);
            std::memcpy(name + i * 8, &word, 8);
        }
        info.name.assign(name, ::strnlen(name, max_member_name));
        info.position = e.position.load(relaxed);
        info.events = e.events.load(relaxed);
        info.lost = e.lost.load(relaxed);
        info.voids = e.voids.load(relaxed);
        info.from_log = e.from_log.load(relaxed);
        info.turns = e.turns.load(relaxed);
        info.mode = e.mode.load(relaxed);
        info.pressure = e.pressure.load(relaxed);
        info.shed = e.shed.load(relaxed);
        std::atomic_thread_fence(std::memory_order_acquire);
        of_one_life = e.incarnation.load(relaxed) == info.incarnation && e.state.load(relaxed) == state;
    }
    // Changing hands faster than it can be read: then nothing is said to have joined.
    info.joined = info.joined && of_one_life;
    for (char& c : info.name)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    return info;
}

[[nodiscard]] inline bool is_alive(const attachment& at, member_no n) noexcept {
    return byte_is_held(at.test_fd(), to_u16(n));
}

/// Everybody whose lock is held now.
[[nodiscard]] inline std::vector<member_info> living_members(const attachment& at) {
    std::vector<member_info> all;
    for (std::uint64_t from = 1; from < member_count;) {
        const std::int64_t held = first_held_byte(at.test_fd(), from, member_count - from);
        if (held < 0) break;
        all.push_back(read_member(at, static_cast<member_no>(held)));
        from = static_cast<std::uint64_t>(held) + 1;
    }
    return all;
}

/// A place in the table, held until this is destroyed or its process dies.
class membership {
public:
    /// Takes the lowest free number of its kind. Throws errc::bad_name (name), exhausted (all numbers
    /// taken), busy (the publisher of an exclusive bus is there), permission (ctl may not be written).
    membership(std::shared_ptr<attachment> at, member_kind kind, const std::string& name) : at_(std::move(at)) {
        if (name.empty() || name.size() > max_member_name)
            throw error(errc::bad_name, {"join bus " + at_->name(), "'" + name + "'", "not a name for a participant",
                                         "use 1-39 bytes"});
        const bool publishes = kind == member_kind::publisher;
        const std::uint16_t first = publishes ? 1 : first_reader_no;
        const bool alone = publishes && at_->description().exclusive();
        const std::uint16_t last = alone ? 1 : publishes ? max_publishers : member_count - 1;
        for (std::uint16_t n = first; n <= last && !lock_; ++n) take(static_cast<member_no>(n));
        if (!lock_ && alone) refuse_second_publisher();
        if (!lock_)
            throw error(errc::exhausted, {"join bus " + at_->name(), shm_path(at_->ctl_name()),
                                          publishes ? "all 4,095 publisher numbers are taken" : "all 4,096 reader numbers are taken",
                                          "evctl info shows who holds them"});
        mark(probe::join_locked);
        enter(kind, name, publishes);
    }
    membership(membership&&) noexcept = default;
    membership& operator=(membership&&) = delete;
    /// Leaves in good order. In a forked child it does nothing: the number is its parent's.
    ~membership() {
        if (!lock_) return;
        if (at_->in_child()) {
            lock_.forget();
            return;
        }
        at_->member(number_).state.store(static_cast<std::uint8_t>(member_state::left), std::memory_order_release);
        mark(probe::leave_entered);
        { const held_byte going = std::move(lock_); }
        mark(probe::left);
    }

    [[nodiscard]] member_no number() const noexcept { return number_; }
    [[nodiscard]] std::uint16_t incarnation() const noexcept { return incarnation_; }
    /// Slots that this number's former life had left unfinished, now voids.
    [[nodiscard]] std::size_t swept() const noexcept { return swept_; }
    [[nodiscard]] member_entry& entry() const noexcept { return at_->member(number_); }

private:
    [[noreturn]] void refuse_second_publisher() const {
        const member_info first = read_member(*at_, member_no{1});
        throw error(errc::busy, {"join bus " + at_->name(), "it is exclusive, and publisher '" + first.name + "' (process " +
                                     std::to_string(first.pid) + ") is there",
                                 "a second publisher is refused",
                                 "stop that one first, or create the bus without exclusive to have several"});
    }
    void take(member_no n) {
        if (byte_is_held(at_->test_fd(), to_u16(n))) return; // cheaper than a failing lock
        lock_ = held_byte::try_take(at_->ctl_name(), to_u16(n));
        if (lock_) number_ = n;
        else if (errno != 0) evbus::detail::throw_errno(errno, "join bus " + at_->name(), shm_path(at_->ctl_name()));
    }
    // SYNC member-entry
    //   here : state := left, incarnation, release fence, the fields (relaxed), state := joined (release)
    //   pairs: read_member, incarnation, state (acquire), the fields, acquire fence, both once more
    //   death: the lock is gone; whoever takes the number next sweeps the ring of its words first
    void enter(member_kind kind, const std::string& name, bool publishes) {
        constexpr auto relaxed = std::memory_order_relaxed;
        member_entry& e = entry();
        const bool left_unfinished = e.state.load(relaxed) == static_cast<std::uint8_t>(member_state::joined);
        if (left_unfinished && publishes) swept_ = sweep(*at_, number_);
        mark(probe::join_swept);
        incarnation_ = static_cast<std::uint16_t>(e.incarnation.load(relaxed) + 1);
        if (incarnation_ == 0) incarnation_ = 1;
        e.state.store(static_cast<std::uint8_t>(member_state::left), relaxed);
        e.incarnation.store(incarnation_, std::memory_order_release);
        std::atomic_thread_fence(std::memory_order_release);
        mark(probe::join_half_entered);
        e.kind.store(static_cast<std::uint8_t>(kind), relaxed);
        e.pid.store(static_cast<std::uint32_t>(::getpid()), relaxed);
        e.joined_ns.store(evbus::detail::wall_ns(), relaxed);
        char text[sizeof e.name] = {};
        std::memcpy(text, name.data(), name.size());
        for (std::size_t i = 0; i < std::size(e.name); ++i) {
            std::uint64_t word;
            std::memcpy(&word, text + i * 8, 8);
            e.name[i].store(word, relaxed);
        }
        for (shared_u64* field : {&e.position, &e.events, &e.lost, &e.voids, &e.from_log, &e.turns, &e.shed}) field->store(0, relaxed);
        for (shared_u32* field : {&e.mode, &e.pressure}) field->store(0, relaxed);
        shared_u32& high = publishes ? at_->ctl().publishers_high : at_->ctl().readers_high;
        std::uint32_t seen = high.load(relaxed);
        while (seen < to_u16(number_) && !high.compare_exchange_weak(seen, to_u16(number_), relaxed)) {}
        e.state.store(static_cast<std::uint8_t>(member_state::joined), std::memory_order_release);
        mark(probe::join_entered);
    }

    std::shared_ptr<attachment> at_;
    held_byte lock_;
    member_no number_ = member_no::nobody;
    std::uint16_t incarnation_ = 0;
    std::size_t swept_ = 0;
};

} // namespace ring
} // namespace v1
} // namespace evbus
