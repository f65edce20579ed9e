// What sweeps over failing calls and power losses have tried: lines "who | where | what | runs | passed" for the file
// that EVBUS_SWEEP_TABLE names, as the sweeps over probes write them (tools/dev.sh sweep).
#pragma once

#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <tuple>
#include <utility>

namespace evbus_test {

class fault_table {
public:
    static fault_table& instance() {
        static fault_table table;
        return table;
    }
    void count(const std::string& who, const std::string& where, const std::string& what, bool passed) {
        auto& cell = cells_[{who, where, what}];
        ++cell.first;
        cell.second += passed ? 1 : 0;
    }

private:
    fault_table() = default;
    ~fault_table() {
        const char* const path = std::getenv("EVBUS_SWEEP_TABLE");
        if (path == nullptr) return;
        std::ofstream out(path, std::ios::app);
        for (const auto& [key, cell] : cells_)
            out << std::get<0>(key) << " | " << std::get<1>(key) << " | " << std::get<2>(key) << " | " << cell.first << " | "
                << cell.second << '\n';
    }
    std::map<std::tuple<std::string, std::string, std::string>, std::pair<int, int>> cells_;
};

/// True in the long form of a sweep, which tries everything.
inline bool sweeps_all() { return std::getenv("EVBUS_ROUNDS") != nullptr; }

} // namespace evbus_test
