// A disk whose syncs wait or fail, and a durable-only consumer that is watched.
#pragma once

#include "recorder_fixture.hpp"

#include "tests/support/passing_fs.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>

#include <unistd.h>

namespace recorder_test {

/// A disk on which syncs of segments wait, or fail, when told to.
class reluctant_disk final : public evbus_test::passing_file_system {
public:
    int datasync(int fd) noexcept override {
        while (held) ::usleep(200);
        return fails ? -EIO : passing_file_system::datasync(fd);
    }
    std::atomic<bool> held{false};
    std::atomic<bool> fails{false};
};

inline recorder::options on_disk(log::file_system& files, recorder::sync_policy sync = recorder::sync_policy::commit) {
    recorder::options how;
    how.files = &files;
    how.sync = sync;
    return how;
}

/// What a durable-only consumer gives, each event checked against the frontier at that moment.
struct careful_reader {
    explicit careful_reader(const bus& home, std::size_t longest = 0)
        : on(home), c(home, {.from = from::seq(1), .durable_only = true}), start(c.next()), l(longest) {}
    consume_status poll(const poll_limits& limits = {}) {
        const consume_status s = c.poll(
            [&](const event& e) {
                if (e.seq() > on.frontier().durable) ++too_early;
                l.event(e);
            },
            [&](const gap& g) {
                if (g.range.last > on.frontier().durable) ++too_early;
                l.gap(g);
            }, limits);
        if (c.place().next > std::max(on.frontier().durable + 1, start)) ++too_early;
        return s;
    }
    /// Polls until it comes to rest.
    consume_status poll_all() {
        consume_status s;
        while ((s = poll()) == consume_status::delivered) {}
        return s;
    }
    void read_to(seq_t last) {
        wait_until([&] {
            if (poll() != consume_status::delivered && c.next() <= last) (void)c.wait(std::chrono::milliseconds(20));
            return c.next() > last;
        });
    }
    bus on;
    consumer c;
    seq_t start;
    ledger l;
    int too_early = 0;
};

} // namespace recorder_test
