#include "tools/demo/evtail_check.hpp"

#include <cstdio>
#include <cstring>
#include <string>

namespace demo {
namespace {

/// Compares a stream with the lines that must come, without holding either in memory.
bool same_bytes(std::FILE* in, const source& s, std::uint64_t events) {
    std::string piece;
    for (std::uint64_t k = 0; k < events; ++k) {
        const std::string want = s.line(k) + "\n";
        piece.resize(want.size());
        if (std::fread(piece.data(), 1, piece.size(), in) != piece.size() || piece != want) return false;
    }
    return std::fgetc(in) == EOF;
}

} // namespace

std::uint64_t compare_with_evtail(const std::string& evtail, const std::string& bus, const std::vector<source>& sources,
                                  const board& b) {
    std::uint64_t differing = 0;
    for (std::size_t i = 0; i < sources.size(); ++i) {
        const std::string command = "'" + evtail + "' " + bus + " '" + sources[i].topic + "' --source log --from begin -o cat";
        std::FILE* in = ::popen(command.c_str(), "r");
        const bool same = in != nullptr && same_bytes(in, sources[i], b.readers[live].expected[i].load());
        if (!same) std::fprintf(stderr, "demo: %s gave back other bytes than %s has\n", command.c_str(), sources[i].path.c_str());
        if (in != nullptr) {
            char rest[65536];
            while (std::fread(rest, 1, sizeof rest, in) > 0) {}
            if (::pclose(in) != 0 || !same) ++differing;
        }
    }
    return differing;
}

} // namespace demo
