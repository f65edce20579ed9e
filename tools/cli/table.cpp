#include "tools/cli/table.hpp"

#include "tools/cli/escape.hpp"

#include <algorithm>

namespace cli {
namespace {

constexpr const char* bold = "\033[1m";
constexpr const char* plain = "\033[0m";

// Characters, near enough: bytes that do not continue a UTF-8 sequence.
std::size_t width(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

} // namespace

void table::append_to(std::string& out, bool colour, const std::string& indent) const {
    std::vector<std::vector<std::string>> shown(1);
    for (const column& c : columns_) shown[0].push_back(c.title);
    for (const auto& row : rows_) {
        shown.emplace_back();
        for (const std::string& cell : row) {
            shown.back().emplace_back();
            cli::append_printable(shown.back().back(), cell);
        }
    }
    std::vector<std::size_t> widths(columns_.size());
    for (const auto& row : shown)
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));

    for (std::size_t r = 0; r < shown.size(); ++r) {
        std::string line = indent;
        for (std::size_t i = 0; i < shown[r].size(); ++i) {
            const std::string padding(widths[i] - width(shown[r][i]), ' ');
            if (i != 0) line += "  ";
            line += columns_[i].where == align::right ? padding + shown[r][i] : shown[r][i] + padding;
        }
        while (line.ends_with(' ')) line.pop_back();
        if (colour && r == 0) out.append(bold).append(line).append(plain);
        else out += line;
        out += '\n';
    }
}

} // namespace cli
