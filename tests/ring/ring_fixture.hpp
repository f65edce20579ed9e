// A small language for tests of the ring: a bus of its own name that leaves nothing behind, readers
// that say what they were given as lines of text, and words set by hand.
//
//   test_bus t({.slots = 64});
//   t.publish("a.b", "hi");
//   CHECK(t.reader(from::oldest()).drain() == lines{"1 a.b hi"});
#pragma once

#include "tests/support/rounds.hpp"

#include <evbus/publisher.hpp>
#include <evbus/ring/create.hpp>
#include <evbus/subscriber.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ring_test {

using namespace evbus;
using ring::phase;
using ring::slot_word;
using lines = std::vector<std::string>;

using support::is_short;
using support::rounds;

inline std::string unique_name(const char* stem = "t") {
    static std::atomic<unsigned> counter{0};
    return std::string(stem) + "-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
}

/// Removes every shared memory object of a bus name when it goes.
class shm_cleaner {
public:
    explicit shm_cleaner(std::string name) : name_(std::move(name)), owner_(::getpid()) { clean(); }
    shm_cleaner(const shm_cleaner&) = delete;
    shm_cleaner& operator=(const shm_cleaner&) = delete;
    ~shm_cleaner() {
        if (::getpid() == owner_) clean();
    }
    [[nodiscard]] const std::string& name() const { return name_; }

private:
    void clean() const {
        ring::unlink_object(ring::ring_object(name_));
        for (const std::string& object : ring::ctl_objects(name_)) ring::unlink_object(object);
    }
    std::string name_;
    pid_t owner_;
};

struct bus_shape {
    std::uint64_t slots = 64;
    std::uint32_t slot_bytes = 128;
    ring::pacing_mode pacing = ring::pacing_mode::overwrite;
    ring::stamp_mode stamps = ring::stamp_mode::wall_ns;
    seq_t first_seq = 1;
    unsigned mode = 0600;
    std::int64_t stall_limit_ns = 1'000'000'000;
    bool exclusive = false;
};

inline ring::creation creation_of(const std::string& name, const bus_shape& s = {}) {
    ring::creation c;
    c.name = name;
    c.slots = s.slots;
    c.slot_bytes = s.slot_bytes;
    c.mode = s.mode;
    c.pacing = s.pacing;
    c.stamps = s.stamps;
    c.stall_limit_ns = static_cast<std::uint64_t>(s.stall_limit_ns);
    c.exclusive = s.exclusive;
    c.id = evbus::detail::random_bus_id();
    c.epoch = static_cast<epoch_t>(evbus::detail::random_u64());
    c.first_seq = s.first_seq;
    return c;
}

inline std::string text_of(const gap& g) {
    std::string out = "gap " + std::to_string(g.range.first) + "-" + std::to_string(g.range.last) + " " + to_string(g.cause);
    return g.seqs == g.range.count() ? out : out + " of " + std::to_string(g.seqs);
}

/// A subscriber that writes down what it is given.
class test_reader {
public:
    test_reader(const bus& on, const read_options& how) : sub(on, how), start_(sub.next()) {}

    /// What there is now, one line an event or gap; long payloads as their length.
    lines drain(poll_limits limits = {}) {
        lines out;
        std::size_t before;
        do {
            before = out.size();
            sub.poll(
                [&](const event& e) {
                    std::string line = std::to_string(e.seq()) + " " + std::string(e.topic()) + " ";
                    line += e.payload().size() <= 40 ? std::string(e.text()) : std::to_string(e.payload().size()) + " bytes";
                    out.push_back(line);
                },
                [&](const gap& g) { out.push_back(text_of(g)); }, limits);
        } while (out.size() != before);
        return out;
    }
    /// Every seq between start and now is accounted for.
    [[nodiscard]] bool law_holds() const { return sub.losses().walked() == sub.next() - start_; }

    subscriber sub;

private:
    seq_t start_;
};

class test_bus {
public:
    explicit test_bus(const bus_shape& shape = {}) : test_bus(unique_name(), shape) {}
    test_bus(const std::string& name, const bus_shape& shape) : cleaner_(name) {
        REQUIRE(ring::create_ring(creation_of(name, shape)));
        at_ = ring::attachment::open(name, ring::access::read_write);
    }

    [[nodiscard]] const std::string& name() const { return cleaner_.name(); }
    [[nodiscard]] evbus::bus bus() const { return evbus::bus::open(name()); }
    [[nodiscard]] const ring::attachment& at() const { return *at_; }
    [[nodiscard]] std::shared_ptr<ring::attachment> attachment() const { return at_; }

    published publish(const std::string& to, std::string_view payload) { return pen().publish(topic(to), payload); }
    /// `count` events "x" with their own seq as payload.
    void publish_many(std::size_t count) {
        static const topic x("x");
        for (std::size_t i = 0; i < count; ++i) REQUIRE(pen().publish(x, std::to_string(ring::find_head(*at_))));
    }
    publisher& pen() {
        if (!pen_) pen_.emplace(bus(), publisher_options{.name = "pen"});
        return *pen_;
    }
    [[nodiscard]] test_reader reader(evbus::from where = evbus::from::oldest(), std::vector<std::string> filters = {}) const {
        return {bus(), {.filters = std::move(filters), .from = where}};
    }

    // Words by hand.
    [[nodiscard]] slot_word word(seq_t seq) const { return ring::load_word(*at_, seq); }
    void set_word(seq_t seq, slot_word w) const { at_->slot(seq)->store(w.bits(), std::memory_order_release); }
    void set_phase(seq_t seq, phase p, std::uint16_t owner = 0) const {
        set_word(seq, slot_word(at_->shape().lap(seq), static_cast<member_no>(owner), p));
    }
    /// Makes a publisher's number look alive; it dies with what is returned.
    [[nodiscard]] ring::held_byte alive(std::uint16_t number) const {
        ring::held_byte held = ring::held_byte::try_take(at_->ctl_name(), number);
        REQUIRE(held);
        return held;
    }

private:
    shm_cleaner cleaner_;
    std::shared_ptr<ring::attachment> at_;
    std::optional<publisher> pen_;
};

/// What a recorder does to ctl, and nothing else: its lock, its frontier, its generation.
class fake_recorder {
public:
    explicit fake_recorder(const test_bus& on) : at_(on.attachment()) {
        lock_ = ring::held_byte::try_take(at_->ctl_name(), ring::recorder_lock_byte);
        REQUIRE(lock_);
        words().generation.fetch_add(1, std::memory_order_acq_rel);
    }
    void wrote(seq_t last) {
        words().written.store(last, std::memory_order_release);
        ring::doorbell(at_->ctl().frontier_bell).ring(static_cast<member_no>(8000));
    }
    void die() { lock_ = ring::held_byte(); }

private:
    ring::frontier_words& words() { return at_->ctl().frontier; }
    std::shared_ptr<ring::attachment> at_;
    ring::held_byte lock_;
};

/// Calls `act` and gives back the kind of evbus::error it throws; nothing when it throws none.
template <class Act>
std::optional<errc> refusal(Act&& act) {
    try {
        act();
    } catch (const error& e) {
        INFO(e.what());
        CHECK(std::string_view(e.what()).size() > 20); // it names operation, object and way out
        return e.kind();
    }
    return std::nullopt;
}

} // namespace ring_test
