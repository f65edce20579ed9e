// What evctl doctor has to say: one finding a thing that was looked at.
//
// The parts of the doctor, so that each can be tested alone:
//   machine, logind, bus_state   look, touch nothing, and give plain facts
//   check_*                      turn facts into findings; pure
//   treatment                    the only part that changes anything, and only what was proven stale
//   report                       text and JSON
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace evctl::doctor {

enum class severity : std::uint8_t {
    fine,    ///< as it should be, or mends itself
    warning, ///< works, but not as well or not for as long as it should
    problem, ///< something does not work, or is being lost
};

/// What --fix can do about a finding.
enum class cure : std::uint8_t {
    none,
    remove_ctl,    ///< an orphaned control object
    finish_closed, ///< the names of a closed ring
    void_slots,    ///< slots that dead publishers left unfinished
    remove_bus,    ///< a whole bus that nobody uses, its log excepted
};

struct finding {
    severity level = severity::fine;
    std::string check;   ///< a word for machines: "shm-small"
    std::string object;  ///< what it is about: "/dev/shm", "bus md"
    std::string found;   ///< what was seen
    std::string means{}; ///< what follows from it for who runs the bus
    std::string way_out{};
    cure fix = cure::none;
    std::string target{}; ///< of the cure: a bus or an object
    std::string fixed{};  ///< what --fix did; empty: nothing
    std::string unfixed{}; ///< why --fix could not do it
};

using findings = std::vector<finding>;

[[nodiscard]] constexpr const char* to_string(severity s) noexcept {
    switch (s) {
    case severity::fine: return "fine";
    case severity::warning: return "warning";
    case severity::problem: return "problem";
    }
    return "?";
}

} // namespace evctl::doctor
