// What an operator should hear although nothing failed. Libraries of evbus never print: they
// call the hook that the caller gave, from the thread that noticed it.
#pragma once

#include <evbus/ids.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace evbus {
inline namespace v1 {

enum class notice_kind : std::uint8_t {
    reaped,          ///< a dead publisher's unfinished slot became a void
    stalled,         ///< a living publisher's unfinished slot was stepped over
    given_back,      ///< this publisher woke up, found itself stepped over, and publishes again
    healed,          ///< a reader that was lapped has everything again from the log
    repaired,        ///< something left behind by a crash was put right
    clock_fallback,  ///< the time-stamp counter cannot be used; clock_gettime is
    pacing_verdict,  ///< the recorder is gone or does not move: publishers no longer wait for it
    degraded,        ///< it works, but slower or less surely than it could; the text says why
};

inline constexpr std::size_t notice_kinds = 8;

[[nodiscard]] constexpr const char* to_string(notice_kind kind) noexcept {
    switch (kind) {
    case notice_kind::reaped: return "reaped";
    case notice_kind::stalled: return "stalled";
    case notice_kind::given_back: return "given back";
    case notice_kind::healed: return "healed";
    case notice_kind::repaired: return "repaired";
    case notice_kind::clock_fallback: return "clock fallback";
    case notice_kind::pacing_verdict: return "pacing verdict";
    case notice_kind::degraded: return "degraded";
    }
    return "?";
}

struct notice {
    notice_kind kind;
    std::string text;                      ///< a sentence for the process log
    seq_t seq = no_seq;                    ///< the seq it is about, or no_seq
    member_no member = member_no::nobody;  ///< the participant it is about, or nobody
};

/// Called rarely, on the thread that noticed; must not throw and must not call back into the handle.
using notice_hook = std::function<void(const notice&)>;

} // namespace v1
} // namespace evbus
