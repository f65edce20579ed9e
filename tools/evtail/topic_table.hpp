// --topics: what was published under which topic, instead of the events themselves.
#pragma once

#include "tools/cli/when.hpp"

#include <evbus/event.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace evtail {

class topic_table {
public:
    void add(const evbus::event& e);
    /// A line a topic, the busiest first; or an object a line. The rate is over the time from the first
    /// to the last event of all topics together, "-" where that is none.
    void print(std::string& out, bool json, cli::zone zone) const;

private:
    struct row {
        std::uint64_t count = 0;
        std::int64_t last_ns = 0;
    };

    std::map<std::string, row, std::less<>> rows_;
    std::map<std::string, row, std::less<>>::iterator latest_ = rows_.end(); ///< streams come in runs of one topic
    std::int64_t first_ns_ = 0;
    std::int64_t last_ns_ = 0;
};

} // namespace evtail
