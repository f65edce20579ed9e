// Readers whose account is checked after each step: the sum law, and that time stands still for nobody.
#pragma once

#include "tests/fuzz/seams.hpp"
#include "tests/fuzz/target.hpp"

#include <evbus/consumer.hpp>
#include <evbus/subscriber.hpp>

#include <optional>

namespace fuzz {

/// Nobody writes while a reader is drained, so it has to come to rest. Words whose laps are spread over the whole
/// circle of 2^48 lead it round and round, a gap after each word: then it is enough that every call returns.
class patience {
public:
    patience(evbus::seq_t start, std::uint64_t slots) : start_(start), turns_(16 * slots) {}
    /// False when the walk went further than any ring can.
    [[nodiscard]] bool goes_on(evbus::seq_t next) {
        if (next - start_ > std::uint64_t{1} << 50) return false;
        require(turns_-- != 0, "a drained ring lets a reader rest");
        return true;
    }

private:
    evbus::seq_t start_;
    std::uint64_t turns_;
};

/// What a handler can do with an event, done.
inline void touch(const evbus::event& e) {
    std::size_t sum = e.topic().size() + e.headers().block().size();
    for (const std::byte b : e.payload()) sum += static_cast<std::size_t>(b);
    for (const evbus::header& h : e.headers()) sum += h.key.size() + h.value.size();
    [[maybe_unused]] static volatile std::size_t kept;
    kept = sum;
    require(!e.topic().empty() && e.topic().size() <= evbus::max_topic_bytes, "an event has a topic");
    require(e.payload().size() <= evbus::max_event_bytes, "an event is no larger than any may be");
    require(evbus::check_topic(e.topic()) == evbus::topic_fault::none, "an event's topic may be one");
    require(e.headers().is_whole(), "an event's headers are whole");
}

class checked_subscriber {
public:
    checked_subscriber(const evbus::bus& on, const evbus::read_options& how) : sub_(on, how), start_(sub_.next()) {}

    void poll(const evbus::poll_limits& limits) {
        std::size_t events = 0;
        const std::size_t given =
            sub_.poll([&](const evbus::event& e) { touch(e), ++events; }, [](const evbus::gap&) {}, limits);
        require(given == events, "a poll returns how many events it gave");
        check();
    }
    void wait(std::chrono::nanoseconds limit) {
        (void)sub_.wait(limit);
        check();
        (void)sub_.lag();
    }
    /// As long as it moves.
    void drain(std::uint64_t slots) {
        patience some(sub_.next(), slots);
        for (evbus::seq_t before = ~sub_.next(); before != sub_.next() && some.goes_on(sub_.next());) {
            before = sub_.next();
            poll({});
        }
    }
    void check() const {
        require(sub_.losses().walked() == sub_.next() - start_, "every seq that a subscriber walked is accounted for");
    }

private:
    evbus::subscriber sub_;
    evbus::seq_t start_;
};

class checked_consumer {
public:
    checked_consumer(const evbus::bus& on, const evbus::read_options& how)
        : consumer_(on, how), start_(consumer_.next()) {}

    evbus::consume_status poll(const evbus::poll_limits& limits) {
        const evbus::consume_status how =
            consumer_.poll([](const evbus::event& e) { touch(e); }, [](const evbus::gap&) {}, limits);
        require(consumer_.account().walked() == consumer_.next() - start_,
                "every seq that a consumer walked is accounted for");
        return how;
    }
    void wait(std::chrono::nanoseconds limit) {
        (void)consumer_.wait(limit);
        (void)consumer_.lag();
    }
    void drain(std::uint64_t slots) {
        patience some(consumer_.next(), slots);
        while (poll({}) == evbus::consume_status::delivered && some.goes_on(consumer_.next())) {
        }
    }

private:
    evbus::consumer consumer_;
    evbus::seq_t start_;
};

} // namespace fuzz
