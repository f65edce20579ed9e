// Tables of a document that describe structs: under a heading "### `name`" a line that begins with
// "N bytes", then rows "| offset | size | field | meaning |".
#pragma once

#include <cstddef>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace evbus_test {

struct doc_field {
    std::size_t offset = 0;
    std::size_t size = 0;
    std::string name;
    friend bool operator==(const doc_field&, const doc_field&) = default;
};

struct doc_table {
    std::string name;
    std::size_t bytes = 0;
    std::vector<doc_field> fields;
};

inline std::vector<std::string> doc_cells(const std::string& row) {
    std::vector<std::string> out;
    std::istringstream in(row.substr(1));
    for (std::string cell; std::getline(in, cell, '|');) {
        const std::size_t from = cell.find_first_not_of(" `");
        out.push_back(from == std::string::npos ? "" : cell.substr(from, cell.find_last_not_of(" `") - from + 1));
    }
    return out;
}

inline bool is_number(const std::string& text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

/// Every struct's table in the document at `path`; empty when it cannot be read.
inline std::vector<doc_table> read_doc_tables(const std::string& path) {
    std::vector<doc_table> all;
    std::ifstream in(path);
    bool inside = false;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("#")) {
            inside = line.starts_with("### `");
            if (inside) all.push_back({line.substr(5, line.find('`', 5) - 5), 0, {}});
        } else if (inside && all.back().bytes == 0 && line.find(" bytes") != std::string::npos &&
                   is_number(line.substr(0, line.find(' ')))) {
            all.back().bytes = std::stoul(line);
        } else if (inside && line.starts_with("| ")) {
            const std::vector<std::string> row = doc_cells(line);
            if (row.size() >= 4 && is_number(row[0]) && is_number(row[1]))
                all.back().fields.push_back({std::stoul(row[0]), std::stoul(row[1]), row[2]});
        }
    }
    return all;
}

} // namespace evbus_test
