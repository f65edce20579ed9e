// Marks each step of ring and recorder that has an effect outside of its process, so that tests can
// kill or stop a real process exactly there. The policy is a template argument that is empty unless a
// whole program is compiled with another one (EVBUS_PROBES names the header that defines it): then
// production code is this very code, and its machine code does not differ from code without probes
// (tests/ring/probe_code_test.cpp).
//
// docs/failure-modes.md has a line for each probe: what is left behind, and who repairs it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

// Every probe once, in the order of a life. The name says what has just been done, or is about to be.
#define EVBUS_PROBE_LIST(X)                                                                                            \
    X(create_locked) X(create_epoch_noted) X(create_ctl_filled) X(create_ring_filled) X(create_ctl_linked)             \
    X(create_ring_linked) X(orphan_seen) X(orphan_removed) X(attach_opened) X(attach_mapped)                           \
    X(join_locked) X(join_swept_one) X(join_swept) X(join_half_entered) X(join_entered) X(leave_entered) X(left)       \
    X(clock_pen_taken) X(clock_piece_stored) X(clock_piece_counted)                                                    \
    X(claim_chosen) X(claim_done) X(header_stored) X(topic_stored) X(frame_stored) X(commit_done)                      \
    X(abandon_chosen) X(abandon_done) X(tail_stored) X(position_stored) X(fragment_sent) X(batch_event_sent)           \
    X(place_opened)                                                                                                    \
    X(give_back_chosen) X(give_back_done) X(step_over_chosen) X(step_over_done)                                        \
    X(repair_proven) X(reap_done) X(stall_chosen) X(stall_done)                                                        \
    X(bell_answered) X(bell_counted) X(bell_woken) X(bell_done) X(sleep_flagged) X(sleep_over)                         \
    X(verdict_chosen) X(verdict_given)                                                                                 \
    X(close_asked) X(close_chosen) X(close_done) X(unlink_locked) X(ring_unlinked) X(ctl_unlinked)                     \
    X(read_copied) X(read_void_proven) X(turn_to_log) X(turn_to_ring) X(loss_proven)                                   \
    X(tail_kept) X(tail_cut) X(segment_moved) X(log_epoch_noted)                                                       \
    X(record_locked) X(record_recovered) X(record_manifest_saved) X(record_frontier_set) X(record_begun)               \
    X(batch_given) X(batch_taken) X(commit_written) X(written_moved) X(segment_sealed) X(segment_made)                 \
    X(synced) X(durable_moved) X(record_sealed) X(record_ended)                                                        \
    X(event_handled) X(cursor_written) X(cursor_put_aside) X(cursor_saved)                                             \
    X(letter_written) X(letter_synced) X(letter_moved) X(letters_cut)

namespace evbus {
inline namespace v1 {

/// Steps with an effect outside of the process.
enum class probe : std::uint8_t {
#define EVBUS_PROBE_ENUM(name) name,
    EVBUS_PROBE_LIST(EVBUS_PROBE_ENUM)
#undef EVBUS_PROBE_ENUM
};

inline constexpr std::array probe_names = {
#define EVBUS_PROBE_NAME(name) #name,
    EVBUS_PROBE_LIST(EVBUS_PROBE_NAME)
#undef EVBUS_PROBE_NAME
};
[[nodiscard]] constexpr const char* to_string(probe p) noexcept { return probe_names[static_cast<std::size_t>(p)]; }

namespace detail {

/// Production's policy: nothing.
struct no_probes {
    static constexpr void reached(probe) noexcept {}
};

} // namespace detail
} // namespace v1
} // namespace evbus

#ifdef EVBUS_PROBES
#include EVBUS_PROBES // defines evbus::detail::probe_policy
#else
namespace evbus {
inline namespace v1 {
namespace detail {
using probe_policy = no_probes;
} // namespace detail
} // namespace v1
} // namespace evbus
#endif

namespace evbus {
inline namespace v1 {

template <class Policy = detail::probe_policy>
[[gnu::always_inline]] inline void mark(probe p) noexcept {
    Policy::reached(p);
}

} // namespace v1
} // namespace evbus
