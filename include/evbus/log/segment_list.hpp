// The segments of a log, listed again only when the directory may have changed. One thread.
#pragma once

#include <evbus/log/log_dir.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <time.h>

namespace evbus {
inline namespace v1 {
namespace log {

class segment_list {
public:
    segment_list(file_system& fs, log_dir dir) : fs_(&fs), dir_(std::move(dir)), path_(dir_.segments()) {}

    /// Looks at the directory. 0 or -errno.
    [[nodiscard]] int refresh() {
        file_info info;
        if (const int r = fs_->stat(path_, info); r < 0) {
            settled_ = false;
            return r == -ENOENT ? list_segments(*fs_, dir_, firsts_) : r;
        }
        if (settled_ && info.modified_ns == modified_ns_) return 0;
        timespec t{};
        ::clock_gettime(CLOCK_REALTIME, &t);
        modified_ns_ = info.modified_ns;
        // Directory times tick coarsely: a change in the same tick would go unseen, so that a young
        // time stamp proves nothing.
        settled_ = detail::ns_of(t) - info.modified_ns > 1'000'000'000;
        return list_segments(*fs_, dir_, firsts_);
    }
    [[nodiscard]] bool empty() const noexcept { return firsts_.empty(); }
    /// First seqs, ascending.
    [[nodiscard]] const std::vector<seq_t>& firsts() const noexcept { return firsts_; }
    /// The segment that should hold `seq`: the last that begins at or before it; no_seq when all begin later.
    [[nodiscard]] seq_t holding(seq_t seq) const noexcept {
        const auto it = std::upper_bound(firsts_.begin(), firsts_.end(), seq);
        return it == firsts_.begin() ? no_seq : *(it - 1);
    }
    /// The first segment that begins behind `seq`; no_seq when there is none.
    [[nodiscard]] seq_t after(seq_t seq) const noexcept {
        const auto it = std::upper_bound(firsts_.begin(), firsts_.end(), seq);
        return it == firsts_.end() ? no_seq : *it;
    }
    [[nodiscard]] const log_dir& dir() const noexcept { return dir_; }

private:
    file_system* fs_;
    log_dir dir_;
    std::string path_;
    std::vector<seq_t> firsts_;
    std::int64_t modified_ns_ = 0;
    bool settled_ = false;
};

} // namespace log
} // namespace v1
} // namespace evbus
