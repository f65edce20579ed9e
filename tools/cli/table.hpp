// Columns that line up, for a terminal.
#pragma once

#include <string>
#include <vector>

namespace cli {

enum class align { left, right };

struct column {
    std::string title;
    align where = align::left;
};

/// Gathers rows and writes them with columns as wide as their widest cell, two spaces between. Cells
/// are made printable. With `colour` the titles stand out.
class table {
public:
    explicit table(std::vector<column> columns) : columns_(std::move(columns)) {}

    void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    void append_to(std::string& out, bool colour, const std::string& indent = {}) const;

private:
    std::vector<column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

} // namespace cli
