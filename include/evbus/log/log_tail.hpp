// How far a log reaches at present: the last seq under a valid commit of the newest segment. Cheap to
// ask again: only what was appended since is looked at, header by header, and the last body checked.
// One thread.
#pragma once

#include <evbus/log/segment_footer.hpp>
#include <evbus/log/segment_list.hpp>
#include <evbus/log/segment_reader.hpp>

#include <cstdint>

namespace evbus {
inline namespace v1 {
namespace log {

class log_tail {
public:
    log_tail(file_system& fs, std::uint64_t seed) : fs_(&fs), seed_(seed) {}

    /// The last seq now; no_seq for an empty log. Goes by `segments` as they were last refreshed.
    [[nodiscard]] seq_t last(const segment_list& segments) {
        if (segments.empty()) return no_seq;
        const seq_t newest = segments.firsts().back();
        const std::string path = segment_path(segments.dir(), newest);
        // Recovery may have moved a torn segment away and begun another one under its name.
        if (newest != first_ || !in_.source().is_at(path)) {
            if (in_.open(*fs_, path, seed_) < 0) return last_;
            first_ = newest;
            at_ = sizeof(segment_header);
            last_ = newest - 1;
            sealed_ = false;
            broken_bytes_ = -1;
        }
        if (!sealed_) advance();
        return last_;
    }
    [[nodiscard]] std::uint64_t bytes_read() const noexcept { return in_.bytes_read(); }

private:
    void advance() {
        in_.refresh();
        segment_footer footer;
        if (footer.open(in_.source(), first_, seed_))
            if (const auto sum = footer.summary(); sum && sum->first_seq == first_ && sum->last_seq >= last_) {
                sealed_ = true;
                last_ = sum->last_seq;
                return;
            }
        while (true) {
            if (!hop()) walk_whole();
            // Behind a break there may be more; look again only when the file has grown.
            const std::int64_t bytes = in_.size();
            if (bytes == broken_bytes_) return;
            commit_view c;
            in_.refresh();
            if (in_.read(at_, c) != walk::broken) return;
            if (in_.find(at_ + 8, last_ + 1, c) != walk::commit) {
                broken_bytes_ = bytes;
                return;
            }
            take(c);
        }
    }
    /// By headers to the end; true when the last commit found is whole.
    [[nodiscard]] bool hop() {
        commit_view c;
        commit_view end;
        std::uint64_t at = at_;
        seq_t last = last_;
        while (in_.read_header_only(at, c) == walk::commit && !c.misplaced() && c.header.first_seq > last) {
            end = c;
            last = c.header.last_seq;
            at = c.end();
        }
        if (at == at_) return true;
        if (in_.read(end.offset, c) != walk::commit) return false;
        take(c);
        return true;
    }
    /// Body by body, for a tail that is being written or torn.
    void walk_whole() {
        commit_view c;
        while (in_.read(at_, c) == walk::commit && !c.misplaced() && c.header.first_seq > last_) take(c);
    }
    void take(const commit_view& c) noexcept {
        at_ = c.end();
        last_ = c.header.last_seq;
    }

    file_system* fs_;
    std::uint64_t seed_;
    segment_reader in_;
    seq_t first_ = no_seq;
    std::uint64_t at_ = 0;
    seq_t last_ = no_seq;
    bool sealed_ = false;
    std::int64_t broken_bytes_ = -1;
};

} // namespace log
} // namespace v1
} // namespace evbus
