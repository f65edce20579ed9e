// What the tests of anchors share: a bus with a recorder beside it, putting anchors, and what became of that, in a word.
#pragma once

#include "recorder_fixture.hpp"
#include "recorder_process.hpp"

#include <evbus/anchor.hpp>

namespace anchor_test {

using namespace recorder_test;
using namespace std::chrono_literals;

/// "put", or the kind of error.
template <class Do>
std::string outcome_of(Do&& put) {
    try {
        put();
        return "put";
    } catch (const error& e) {
        return category().message(e.code().value());
    }
}
inline std::string put(const bus& on, const anchor& a, std::chrono::nanoseconds timeout = ages) {
    return outcome_of([&] { put_anchor(on, a, timeout); });
}
inline anchor at(seq_t seq, std::string reference = "snapshot") { return {.seq = seq, .reference = std::move(reference)}; }

/// "3 snapshot", one a line.
inline lines anchors_in(const world& w) {
    lines out;
    for (const anchor& a : log::list_anchors(log::posix(), {w.log_dir()})) out.push_back(std::to_string(a.seq) + " " + a.reference);
    return out;
}

/// Publishes so many, and returns when all of it is synced.
inline void publish_durably(const bus& on, author& pen, std::uint64_t count) {
    pen.publish(count);
    REQUIRE(on.wait_durable(pen.last(), ages));
}

/// The mailbox, by hand.
struct mailbox : ring::anchor_mailbox {
    explicit mailbox(const bus& on) : mailbox(on.attach(ring::access::read_only)) {}
    explicit mailbox(std::shared_ptr<ring::attachment> to) : anchor_mailbox(to->ctl().anchors), at(std::move(to)) {}
    [[nodiscard]] ring::anchor_words& words() const { return at->ctl().anchors; }
    [[nodiscard]] ring::held_byte lock() const { return ring::held_byte::try_take(at->ctl_name(), ring::anchor_lock_byte); }
    std::shared_ptr<ring::attachment> at;
};

} // namespace anchor_test
