// What the tests of evctl share: a bus of their own, and the tool run on it.
#pragma once

#include "tests/support/process.hpp"
#include "tests/support/scratch_bus.hpp"
#include "tests/support/text.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <utility>
#include <vector>

namespace evctl_test {

using support::finished;
using support::process;
using support::run;
using support::scratch_bus;
using support::words;

inline finished ctl(words more) {
    more.insert(more.begin(), support::tool("evctl"));
    return run(std::move(more));
}

struct fixture : scratch_bus {
    finished create(words more = {}) const {
        more.insert(more.begin(), {"create", name()});
        return ctl(std::move(more));
    }
    finished remove(words more = {}) const {
        more.insert(more.begin(), {"remove", name()});
        return ctl(std::move(more));
    }
    nlohmann::json info() const { return nlohmann::json::parse(ctl({"info", name(), "--json"}).out); }
    std::vector<std::string> epochs() const {
        finished f;
        f.out = support::read_file(log() + "/epochs");
        return f.out_lines();
    }
};

using support::has;

} // namespace evctl_test
