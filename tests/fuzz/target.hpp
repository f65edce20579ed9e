// What every fuzz target is made of: the entry that libFuzzer and the plain runner call, where its corpus
// began, and what has to hold whatever the bytes were.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// Decodes one input and lets the real code meet it. Returns 0.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

using bytes = std::vector<std::uint8_t>;

/// Inputs that mean something, made from real objects: what a new corpus starts from.
[[nodiscard]] std::vector<bytes> seeds();

/// Ends the process, and with it the run, when a law does not hold.
void require(bool holds, const char* law);

/// Begins the names of the shared memory objects of this process; who started it removes them, however it ends.
[[nodiscard]] std::string name_prefix();

} // namespace fuzz
