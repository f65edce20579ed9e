// Which waiting event is to be tried next. The one whose time came first is first, whatever stands before it:
// an event that waits for long holds up nobody. With order::by_topic only the earliest waiting event of a topic
// has a time; the others of that topic stand behind it, in the order of their seqs.
//
// Topics are told apart by their hashes alone: two of one hash would wait for each other, and nothing worse.
#pragma once

#include <evbus/ids.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

namespace evbus {
inline namespace v1 {

/// Who waits while an event waits for its next attempt.
enum class order : std::uint8_t {
    any,      ///< nobody: later events of its topic are handled meanwhile
    by_topic, ///< the later events of its topic, and only those
};

namespace work {

/// An event that waits. It stays in the schedule, also while it is being tried, until it is done.
struct waiting {
    seq_t seq = no_seq;
    std::uint64_t topic_hash = 0;
    std::int64_t due_ns = 0;    ///< not before; of one that stands behind another: not before that one is done, too
    std::uint32_t attempts = 0; ///< so far
    std::size_t bytes = 0;      ///< what it costs to keep it
};

class retry_schedule {
public:
    explicit retry_schedule(order o) noexcept : by_topic_(o == order::by_topic) {}

    /// False, and nothing is changed, when that seq waits already.
    bool add(const waiting& w) {
        if (!all_.emplace(w.seq, w).second) return false;
        bytes_ += w.bytes;
        std::set<seq_t>& of_topic = topics_[w.topic_hash];
        if (by_topic_ && !of_topic.empty() && *of_topic.begin() > w.seq) unready(*of_topic.begin());
        of_topic.insert(w.seq);
        ready_if_first(w, of_topic);
        return true;
    }
    /// It waits no longer. False when it did not.
    bool done(seq_t seq) {
        const auto at = all_.find(seq);
        if (at == all_.end()) return false;
        const waiting w = at->second;
        ready_.erase({w.due_ns, seq});
        all_.erase(at);
        bytes_ -= w.bytes;
        const auto of_topic = topics_.find(w.topic_hash);
        of_topic->second.erase(seq);
        if (of_topic->second.empty()) topics_.erase(of_topic);
        else if (by_topic_) ready_if_first(all_.at(*of_topic->second.begin()), of_topic->second);
        return true;
    }
    /// It was tried and waits on. False when it did not wait.
    bool again(seq_t seq, std::int64_t due_ns, std::uint32_t attempts) {
        const auto at = all_.find(seq);
        if (at == all_.end()) return false;
        unready(seq);
        at->second.due_ns = due_ns;
        at->second.attempts = attempts;
        ready_if_first(at->second, topics_.at(at->second.topic_hash));
        return true;
    }

    /// The one that has been due for longest; none while nothing is due at `now_ns`.
    [[nodiscard]] std::optional<seq_t> next_due(std::int64_t now_ns) const noexcept {
        if (ready_.empty() || ready_.begin()->first > now_ns) return std::nullopt;
        return ready_.begin()->second;
    }
    /// At most `most` that are due, the longest due first: what may be tried side by side.
    [[nodiscard]] std::vector<seq_t> all_due(std::int64_t now_ns, std::size_t most) const {
        std::vector<seq_t> out;
        for (auto at = ready_.begin(); at != ready_.end() && at->first <= now_ns && out.size() < most; ++at)
            out.push_back(at->second);
        return out;
    }
    /// When the next is due; the end of time when nothing waits.
    [[nodiscard]] std::int64_t next_due_ns() const noexcept { return ready_.empty() ? INT64_MAX : ready_.begin()->first; }

    /// Something of this topic waits: with order::by_topic its later events must be added, too.
    [[nodiscard]] bool holds(std::uint64_t topic_hash) const noexcept { return topics_.count(topic_hash) != 0; }
    [[nodiscard]] bool contains(seq_t seq) const noexcept { return all_.count(seq) != 0; }
    /// Null when it does not wait.
    [[nodiscard]] const waiting* find(seq_t seq) const noexcept {
        const auto at = all_.find(seq);
        return at == all_.end() ? nullptr : &at->second;
    }
    [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }
    [[nodiscard]] bool empty() const noexcept { return all_.empty(); }
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
    /// The smallest seq that waits, or no_seq.
    [[nodiscard]] seq_t first_seq() const noexcept { return all_.empty() ? no_seq : all_.begin()->first; }

private:
    void ready_if_first(const waiting& w, const std::set<seq_t>& of_topic) {
        if (!by_topic_ || *of_topic.begin() == w.seq) ready_.emplace(w.due_ns, w.seq);
    }
    void unready(seq_t seq) { ready_.erase({all_.at(seq).due_ns, seq}); }

    bool by_topic_;
    std::map<seq_t, waiting> all_;
    std::unordered_map<std::uint64_t, std::set<seq_t>> topics_;
    std::set<std::pair<std::int64_t, seq_t>> ready_; ///< by time; of two of one time the earlier event
    std::size_t bytes_ = 0;
};

} // namespace work
} // namespace v1
} // namespace evbus
