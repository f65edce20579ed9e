// What a handler answers in the tests that end workers at random: decided by the event and by which attempt it
// is, so that whoever judges afterwards can say what had to happen to each event.
#pragma once

#include <evbus/ids.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace lives_test {

using evbus::seq_t;

enum class verdict : std::uint8_t {
    next,
    retry,
    dead,
    throws,      ///< an exception, which means retry
    rolls_back,  ///< back to the last commit, the first time that a life meets the event
    skipped,     ///< in a batch, behind an event of its topic that failed: not touched, it comes again
};
inline constexpr std::array verdict_names = {"next", "retry", "dead", "throws", "rolls-back", "skipped"};
[[nodiscard]] constexpr const char* to_string(verdict v) noexcept { return verdict_names[static_cast<std::size_t>(v)]; }

/// How an event ends, and with which attempt.
struct fate {
    bool dies = false; ///< a dead letter; else handled
    std::uint32_t attempts = 1;
};

/// How often what happens, in a thousand.
struct odds {
    unsigned retry = 100, dead = 20, throws = 20, rolls_back = 5;
};

class script {
public:
    script(std::uint64_t seed, std::uint32_t attempts, const odds& o) : seed_(seed), attempts_(attempts), odds_(o) {}

    /// Of an event's `attempt`, from 1.
    [[nodiscard]] verdict answer(seq_t seq, std::uint32_t attempt) const {
        const auto draw = static_cast<unsigned>(mix(seed_ ^ mix(seq) ^ attempt * 0x9e3779b97f4a7c15u) % 1000);
        // What failed once fails again in half of the cases: else hardly anything would use up its attempts.
        const unsigned retry = attempt > 1 ? 500 : odds_.retry;
        if (draw < retry) return verdict::retry;
        if (draw < retry + odds_.dead) return verdict::dead;
        if (draw < retry + odds_.dead + odds_.throws) return verdict::throws;
        return verdict::next;
    }
    /// Whether it is rolled back at its first meeting in each life.
    [[nodiscard]] bool rolls_back(seq_t seq) const { return mix((seed_ + 77) ^ mix(seq)) % 1000 < odds_.rolls_back; }

    [[nodiscard]] fate of(seq_t seq) const {
        for (std::uint32_t attempt = 1;; ++attempt) {
            const verdict v = answer(seq, attempt);
            if (v == verdict::next) return {false, attempt};
            if (v == verdict::dead || attempt == attempts_) return {true, attempt};
        }
    }
    /// The words of a failed attempt: unlike each other, so that the wrong one is noticed.
    [[nodiscard]] static std::string words(seq_t seq, std::uint32_t attempt) {
        return "no luck with " + std::to_string(seq) + ", attempt " + std::to_string(attempt);
    }
    [[nodiscard]] std::uint32_t attempts() const { return attempts_; }

private:
    [[nodiscard]] static std::uint64_t mix(std::uint64_t x) {
        x += 0x9e3779b97f4a7c15u;
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
        x = (x ^ x >> 27) * 0x94d049bb133111ebu;
        return x ^ x >> 31;
    }
    std::uint64_t seed_;
    std::uint32_t attempts_;
    odds odds_;
};

} // namespace lives_test
