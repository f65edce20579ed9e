// journal: getting rid of what nobody needs any more, from its front.
#pragma once

#include <evbus/letters/journal.hpp>

namespace evbus {
inline namespace v1 {
namespace letters {

inline int journal::clean(seq_t forget_below) {
    if (const int r = write(); r < 0) return r;
    if (const int r = sync(); r < 0) return r;
    index_.forget_closed_below(forget_below);
    return 0;
}

} // namespace letters
} // namespace v1
} // namespace evbus
