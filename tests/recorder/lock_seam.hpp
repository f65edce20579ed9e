// How often this process asked whether somebody else holds a lock: what proving a death costs. Linked in
// by the tests that ask for it, in place of the C library's fcntl.
#pragma once

#include <atomic>
#include <cstdint>

namespace lock_seam {

inline std::atomic<std::uint64_t> questions{0}; ///< F_OFD_GETLK

} // namespace lock_seam
