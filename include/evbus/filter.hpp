// Topic filters, as NATS has its subjects: `*` stands for one token, `>` for one or more at the
// end. Neither matches a first token that begins with '$' (the bus's own topics).
#pragma once

#include <evbus/error.hpp>
#include <evbus/topic.hpp>

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace evbus {
inline namespace v1 {

/// One checked pattern. Immutable: threads may share it.
class filter {
public:
    /// Throws errc::bad_filter when `pattern` breaks a rule.
    explicit filter(std::string_view pattern) : pattern_(pattern) {
        const topic_fault fault = detail::check_tokens(pattern);
        if (fault != topic_fault::none) refuse(to_string(fault));
        for (std::size_t i = 0; i < pattern.size(); ++i) {
            const char c = pattern[i];
            if (c != '*' && c != '>') continue;
            wildcard_ = true;
            const bool alone = (i == 0 || pattern[i - 1] == '.') && (i + 1 == pattern.size() || pattern[i + 1] == '.');
            if (!alone) refuse("has a wildcard that is not a token of its own");
            if (c == '>' && i + 1 != pattern.size()) refuse("has '>' before its end");
        }
        if (!wildcard_) hash_ = topic_hash(pattern);
    }

    [[nodiscard]] const std::string& pattern() const noexcept { return pattern_; }
    /// True when it names exactly one topic.
    [[nodiscard]] bool is_exact() const noexcept { return !wildcard_; }
    /// topic_hash of the pattern; 0 unless is_exact().
    [[nodiscard]] std::uint64_t hash() const noexcept { return hash_; }

    [[nodiscard]] bool matches(std::string_view topic) const noexcept {
        if (!wildcard_) return topic == pattern_;
        if (topic.starts_with('$') && (pattern_[0] == '*' || pattern_[0] == '>')) return false;
        std::string_view rest = pattern_;
        while (true) {
            const std::string_view want = next_token(rest);
            if (want == ">") return !topic.empty();
            const std::string_view have = next_token(topic);
            if (have.empty() || (want != "*" && want != have)) return false;
            if (rest.empty() || topic.empty()) return rest.empty() && topic.empty();
        }
    }

    friend bool operator==(const filter& a, const filter& b) noexcept { return a.pattern_ == b.pattern_; }

private:
    static std::string_view next_token(std::string_view& text) noexcept {
        const std::size_t dot = text.find('.');
        const std::string_view token = text.substr(0, dot);
        text = dot == std::string_view::npos ? std::string_view{} : text.substr(dot + 1);
        return token;
    }
    [[noreturn]] void refuse(std::string_view why) const {
        throw error(errc::bad_filter, {"use filter", "'" + pattern_ + "'", why,
                                       "write tokens separated by single dots, '*' for one token, '>' last for the rest"});
    }

    std::string pattern_;
    std::uint64_t hash_ = 0;
    bool wildcard_ = false;
};

/// What can be said of a frame by its topic hash alone.
enum class hash_verdict : std::uint8_t { rejected, accepted, ask_topic };

/// What can be said of a frame by its topic.
enum class topic_verdict : std::uint8_t { rejected, accepted, malformed };

/// Patterns that let pass and patterns that exclude; no pattern to let pass means all but '$' topics.
/// The one filter type of subscriber, consumer, log queries and tools. Used by one thread at a time,
/// because it remembers what it decided.
class filter_set {
public:
    filter_set() : filter_set({}, {}) {}

    /// Throws errc::bad_filter when a pattern breaks a rule.
    explicit filter_set(const std::vector<std::string>& include, const std::vector<std::string>& exclude = {}) {
        for (const std::string& p : include) include_.emplace_back(p);
        for (const std::string& p : exclude) exclude_.emplace_back(p);
        if (include_.empty()) include_.emplace_back(">");
        for (const filter& f : include_) all_exact_ = all_exact_ && f.is_exact();
    }

    /// Lets every topic pass, the bus's own '$' ones included: for who records or copies a bus.
    [[nodiscard]] static filter_set everything() {
        filter_set all;
        all.everything_ = true;
        return all;
    }

    /// Decided before the topic is read: an exact filter costs one compare of hashes.
    [[nodiscard]] hash_verdict by_hash(std::uint64_t hash) const noexcept {
        if (!all_exact_) return hash_verdict::ask_topic;
        for (const filter& f : include_)
            if (f.hash() == hash) return hash_verdict::ask_topic;
        return hash_verdict::rejected;
    }

    /// Decided by the topic itself, as it stands in a frame with `hash`. A wildcard is matched once per
    /// topic and remembered, and so is whether the topic obeys the topic rules and has that hash.
    [[nodiscard]] topic_verdict judge(std::uint64_t hash, std::string_view topic) noexcept {
        if (!memory_) return judge_now(hash, topic);
        for (std::size_t way = 0; way < memory_ways; ++way) {
            const decided& d = memory_[(hash + way) % memory_slots];
            if (d.hash == hash && d.size == topic.size() && same_bytes(d.text.data(), topic.data(), topic.size())) [[likely]]
                return d.verdict;
        }
        return judge_and_remember(hash, topic);
    }
    /// Decides for a topic that is known to obey the rules; remembers nothing.
    [[nodiscard]] bool matches(std::string_view topic) const noexcept { return matches_now(topic); }

    /// Reserves what judge() remembers in, so that it never allocates afterwards.
    void remember() {
        if (!memory_) memory_ = std::make_unique<decided[]>(memory_slots);
    }

    /// True when only named topics pass, none by a wildcard.
    [[nodiscard]] bool is_exact() const noexcept { return all_exact_ && !everything_; }
    /// True when every topic passes, save those that begin with '$' perhaps.
    [[nodiscard]] bool is_everything() const noexcept {
        bool all = everything_;
        for (const filter& f : include_) all = all || f.pattern() == ">";
        return all && exclude_.empty();
    }

    [[nodiscard]] const std::vector<filter>& include() const noexcept { return include_; }
    [[nodiscard]] const std::vector<filter>& exclude() const noexcept { return exclude_; }
    friend bool operator==(const filter_set& a, const filter_set& b) noexcept {
        return a.include_ == b.include_ && a.exclude_ == b.exclude_;
    }

private:
    /// memcmp without the call, which for a topic costs more than the comparison: whole words, the last one
    /// overlapping the one before.
    [[nodiscard]] static bool same_bytes(const char* a, const char* b, std::size_t n) noexcept {
        const auto word = [](const char* at) noexcept {
            std::uint64_t w;
            std::memcpy(&w, at, 8);
            return w;
        };
        if (n < 8) {
            for (std::size_t i = 0; i < n; ++i)
                if (a[i] != b[i]) return false;
            return true;
        }
        for (std::size_t i = 0; i + 8 < n; i += 8)
            if (word(a + i) != word(b + i)) return false;
        return word(a + n - 8) == word(b + n - 8);
    }

    struct decided {
        std::uint64_t hash = 0;
        std::uint8_t size = 0;
        topic_verdict verdict = topic_verdict::malformed; // of the empty topic, which an unused entry stands for
        std::array<char, max_topic_bytes> text{};
    };
    static constexpr std::size_t memory_slots = 512;
    static constexpr std::size_t memory_ways = 4; ///< places for one hash: with one, every fifth of 100 topics shares its own

    [[nodiscard]] [[gnu::noinline]] topic_verdict judge_and_remember(std::uint64_t hash, std::string_view topic) noexcept {
        const topic_verdict verdict = judge_now(hash, topic);
        if (verdict == topic_verdict::malformed) return verdict;
        std::size_t way = 0;
        while (way < memory_ways && memory_[(hash + way) % memory_slots].size != 0) ++way;
        if (way == memory_ways) way = (hash >> 32) % memory_ways;
        decided& d = memory_[(hash + way) % memory_slots];
        d.hash = hash;
        d.size = static_cast<std::uint8_t>(topic.size());
        d.verdict = verdict;
        std::memcpy(d.text.data(), topic.data(), topic.size());
        return verdict;
    }
    [[nodiscard]] topic_verdict judge_now(std::uint64_t hash, std::string_view topic) const noexcept {
        if (check_topic(topic) != topic_fault::none || evbus::topic_hash(topic) != hash) return topic_verdict::malformed;
        return matches_now(topic) ? topic_verdict::accepted : topic_verdict::rejected;
    }
    [[nodiscard]] bool matches_now(std::string_view topic) const noexcept {
        bool wanted = everything_;
        for (const filter& f : include_) wanted = wanted || f.matches(topic);
        for (const filter& f : exclude_) wanted = wanted && !f.matches(topic);
        return wanted;
    }

    std::vector<filter> include_;
    std::vector<filter> exclude_;
    std::unique_ptr<decided[]> memory_;
    bool all_exact_ = true;
    bool everything_ = false;
};

} // namespace v1
} // namespace evbus
