// How far a log reaches at present: the last seq under a valid commit of the newest segment. By its
// footer, or from the file's end backwards, so that an open segment is not walked from its beginning.
// Cheap to ask again: only what was appended since is looked at. One thread.
#pragma once

#include <evbus/log/segment_footer.hpp>
#include <evbus/log/segment_list.hpp>
#include <evbus/log/segment_reader.hpp>

#include <cstdint>
#include <optional>
#include <string>

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
            if (!open(path, newest)) return last_;
        }
        if (!sealed_) advance();
        return last_;
    }
    /// The greatest publish time under the newest segment's commits; nothing when it has none. As of last().
    [[nodiscard]] std::optional<std::int64_t> running_max_ns() const noexcept { return running_max_ns_; }
    /// The same of the segment in `path`, which begins at seq `first`.
    [[nodiscard]] std::optional<std::int64_t> running_max_of(const std::string& path, seq_t first) {
        if (!open(path, first)) return std::nullopt;
        advance();
        return running_max_ns_;
    }
    [[nodiscard]] std::uint64_t bytes_read() const noexcept { return in_.bytes_read() + footer_bytes_; }
    [[nodiscard]] std::uint64_t reads() const noexcept { return in_.reads() + footer_reads_; }

private:
    [[nodiscard]] bool open(const std::string& path, seq_t first) {
        if (in_.open(*fs_, path, seed_) < 0) return false;
        first_ = first;
        at_ = sizeof(segment_header);
        last_ = first - 1;
        running_max_ns_.reset();
        sealed_ = false;
        broken_bytes_ = -1;
        return true;
    }
    [[nodiscard]] std::optional<segment_summary> seal() {
        segment_footer footer;
        std::optional<segment_summary> sum;
        if (footer.open(in_.source(), first_, seed_)) sum = footer.summary();
        footer_bytes_ += footer.bytes_read();
        footer_reads_ += footer.reads();
        return sum;
    }
    void advance() {
        in_.refresh();
        if (const auto sum = seal(); sum && sum->first_seq == first_ && sum->last_seq >= last_) {
            sealed_ = sum->last_seq >= first_; // one without seqs is gone on with
            last_ = sum->last_seq;
            if (sum->commits != 0) running_max_ns_ = sum->running_max_ns;
            return;
        }
        leap();
        while (true) {
            if (!hop()) walk_whole();
            // Behind a break there may be more; look again only when the file has grown.
            const std::int64_t bytes = in_.size();
            if (bytes == broken_bytes_ || bytes == static_cast<std::int64_t>(at_)) return;
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
    /// Near to the end, when there is a way to go: what lies between may be damaged, and is not asked for.
    void leap() {
        const std::int64_t size = in_.size();
        const std::uint64_t end = size < 0 ? 0 : static_cast<std::uint64_t>(size);
        commit_view c;
        for (std::uint64_t back = read_window::capacity; at_ < end && back < end - at_; back *= 4)
            if (in_.find(end - back, last_ + 1, c) == walk::commit) return take(c);
    }
    /// By headers to the end; true when the last commit found is whole.
    [[nodiscard]] bool hop() {
        commit_view c;
        commit_view end;
        std::uint64_t at = at_;
        seq_t last = last_;
        while (in_.read_header_only(at, c, read_window::capacity) == walk::commit && !c.misplaced() && c.header.first_seq > last) {
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
        running_max_ns_ = c.header.running_max_ns;
    }

    file_system* fs_;
    std::uint64_t seed_;
    segment_reader in_;
    seq_t first_ = no_seq;
    std::uint64_t at_ = 0;
    seq_t last_ = no_seq;
    std::optional<std::int64_t> running_max_ns_{};
    bool sealed_ = false;
    std::int64_t broken_bytes_ = -1;
    std::uint64_t footer_bytes_ = 0;
    std::uint64_t footer_reads_ = 0;
};

} // namespace log
} // namespace v1
} // namespace evbus
