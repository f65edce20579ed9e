// What evctl shows of a bus, made into text in both its forms.
#pragma once

#include "tests/fuzz/small_ring.hpp"
#include "tests/fuzz/target.hpp"

#include "tools/cli/terminal.hpp"
#include "tools/evctl/commands.hpp"
#include "tools/evctl/json.hpp"

#include <algorithm>
#include <string>

#include <fcntl.h>

namespace fuzz {

/// A descriptor into which everything goes and nothing comes out of.
inline int nowhere() {
    static const int fd = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    return fd;
}

/// True when the text moves no cursor: no control characters but line ends.
inline bool is_printable(const std::string& text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) >= 0x20 || c == '\n'; });
}

/// `evctl info BUS`, in both forms.
inline void show_info(const std::string& bus) {
    require(is_printable(evctl::info_json(evctl::look_at(bus))), "what evctl prints is printable");
    cli::output out(nowhere());
    require(evctl::info(bus, {}, out) == 0, "info of a bus that can be attached to");
}

} // namespace fuzz
