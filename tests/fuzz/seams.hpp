// What the linker puts between the code and the system in a fuzz target (seams.cpp): a steady clock that
// moves only when it is looked at or slept on, so that no input costs real time; and a page that nobody may
// touch before and behind every shared mapping, so that reading past an object is a fault.
#pragma once

#include <cstdint>

namespace fuzz {

/// Lets the steady clock go on by `ns`.
void pass_time(std::int64_t ns);
/// Times that the steady clock was asked since the last call of this: a measure of the steps that a call took.
[[nodiscard]] std::uint64_t take_clock_looks();

} // namespace fuzz
