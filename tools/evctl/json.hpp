// Views as JSON. Seqs and times stand as strings: readers that keep numbers as doubles would round them.
#pragma once

#include "tools/evctl/bus_view.hpp"

#include <optional>
#include <string>
#include <vector>

namespace evctl {

/// A bus of the list: either its view or the word for what is wrong with it.
struct listed_bus {
    std::string name;
    std::string owner;
    std::optional<bus_view> view;
    std::string error_word; ///< "cut short"
    std::string error_text; ///< the whole sentence
};

[[nodiscard]] std::string list_json(const std::vector<listed_bus>& all);
[[nodiscard]] std::string info_json(const bus_view& v);

} // namespace evctl
