// The project's own sources as text, for the tests that keep the house in order.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace house {

struct source_file {
    std::string path; ///< from the project's root: "include/evbus/topic.hpp"
    std::string text;
    /// The project's files that it includes, as paths from the root; system headers are left out.
    std::vector<std::string> includes;

    [[nodiscard]] bool ends_with(std::string_view suffix) const { return std::string_view(path).ends_with(suffix); }
};

/// Every .hpp and .cpp below include, lib, tools, tests, bench and docs.
std::vector<source_file> read_sources();

/// The text of a file below the root; empty when there is none.
std::string read_text(const std::string& path);

std::vector<std::string> lines_of(const std::string& text);

/// The words that follow `marker` in the text, one for each place: "SYNC name" gives "name".
std::vector<std::string> words_after(const std::string& text, std::string_view marker);

} // namespace house
