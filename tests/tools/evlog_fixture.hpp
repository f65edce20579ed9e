// evlog as a program, on logs that a test writes and harms itself.
#pragma once

#include "tests/log/log_fixture.hpp"
#include "tests/support/process.hpp"
#include "tests/support/text.hpp"

#include <string>
#include <utility>

namespace tools_test {

using support::finished;
using support::process;
using support::words;

inline finished evlog(words more, process::options how = {.environment = {"TZ=UTC"}}) {
    more.insert(more.begin(), support::tool("evlog"));
    return support::run(std::move(more), {}, std::move(how));
}

using support::has;

/// Three sealed segments with events 1 to 9, a second apart from the year 2001 on.
struct three_segments : log_test::test_log {
    three_segments() : test_log(600) {
        for (int i = 1; i <= 9; ++i) {
            event("a." + std::to_string(i % 3), std::string(60, static_cast<char>('0' + i)), (1'000'000'000LL + i) * 1'000'000'000);
            write();
        }
        close();
    }
};

} // namespace tools_test
