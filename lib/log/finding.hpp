// What verify has to say about one place of a log, in words for people and in fields for programs.
#pragma once

#include <evbus/ids.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace log {

enum class severity : std::uint8_t {
    note,      ///< worth knowing; nothing is wrong
    unchecked, ///< could not be looked at: the system refused, or a newer version wrote it
    damage,    ///< not what was written, or not what evbus writes
};

/// What is wrong, for programs.
enum class flaw : std::uint8_t {
    unreadable, ///< the system refused to read it
    no_file,    ///< something else stands in a file's place
    newer,      ///< a newer version, feature or codec
    header,     ///< a segment's header
    commit,     ///< bytes that are no whole commit, where one should be
    missing,    ///< seqs that no commit holds
    fork,       ///< two different contents for the same seqs
    chain,      ///< a whole commit that does not build on the one before
    records,    ///< a whole commit with contents that make no sense
    footer,     ///< a footer or index that is not what its segment says
    unfinished, ///< a write that was cut off at the log's end
    repeated,   ///< the same commit again
    stray,      ///< a file that is no part of a log
    epochs,     ///< the list of ring creations
    run,        ///< a recorder's manifest
};

[[nodiscard]] constexpr const char* to_string(severity s) noexcept {
    switch (s) {
    case severity::note: return "note";
    case severity::unchecked: return "unchecked";
    case severity::damage: return "damage";
    }
    return "?";
}

[[nodiscard]] constexpr const char* to_string(flaw f) noexcept {
    switch (f) {
    case flaw::unreadable: return "unreadable";
    case flaw::no_file: return "no-file";
    case flaw::newer: return "newer";
    case flaw::header: return "header";
    case flaw::commit: return "commit";
    case flaw::missing: return "missing";
    case flaw::fork: return "fork";
    case flaw::chain: return "chain";
    case flaw::records: return "records";
    case flaw::footer: return "footer";
    case flaw::unfinished: return "unfinished";
    case flaw::repeated: return "repeated";
    case flaw::stray: return "stray";
    case flaw::epochs: return "epochs";
    case flaw::run: return "run";
    }
    return "?";
}

struct finding {
    severity weight = severity::damage;
    flaw kind = flaw::commit;
    std::string file;         ///< within the log's directory
    std::uint64_t offset = 0; ///< where in the file
    std::uint64_t bytes = 0;  ///< how much of it; 0 when that says nothing
    seq_range seqs{};         ///< the seqs that cannot be had because of it; count() 0 for none
    std::string what;         ///< what is wrong
    std::string good;         ///< what is still good; may be empty
    std::string todo;         ///< what can be done
};

/// The first ones, and how many there were: a file of rubbish must not take all memory.
class findings {
public:
    static constexpr std::size_t most = 1000;

    void add(finding f) {
        ++counts_[static_cast<std::size_t>(f.weight)];
        if (kept_.size() < most) kept_.push_back(std::move(f));
    }
    void add(findings&& more) {
        for (std::size_t i = 0; i < 3; ++i) counts_[i] += more.counts_[i];
        for (finding& f : more.kept_)
            if (kept_.size() < most) kept_.push_back(std::move(f));
    }
    [[nodiscard]] const std::vector<finding>& kept() const noexcept { return kept_; }
    [[nodiscard]] std::uint64_t count(severity s) const noexcept { return counts_[static_cast<std::size_t>(s)]; }
    /// How many were counted and not kept.
    [[nodiscard]] std::uint64_t dropped() const noexcept { return counts_[0] + counts_[1] + counts_[2] - kept_.size(); }

private:
    std::vector<finding> kept_;
    std::uint64_t counts_[3] = {};
};

} // namespace log
} // namespace v1
} // namespace evbus
