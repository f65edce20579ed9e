// Real processes on one bus: recorders, publishers and readers that are killed, stopped and begun again.
#pragma once

#include "tests/recorder/recorder_fixture.hpp"
#include "tests/ring/process_fixture.hpp"
#include "tests/support/process.hpp"
#include "tests/support/random.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace process_test {

using namespace recorder_test;
using ring_test::board;
using ring_test::child;

/// evrecord on a bus, ready when this is made. Killed at the latest when it goes.
class evrecord {
public:
    explicit evrecord(const world& w, support::words more = {}) : p_(arguments(w, std::move(more))) {
        p_.wait_for_err("recording bus " + w.name());
    }
    [[nodiscard]] pid_t pid() const { return p_.pid(); }
    support::process& process() { return p_; }
    void kill() { p_.kill(); }
    void stop_still() {
        p_.signal(SIGSTOP);
        wait_until([&] { return state_of(p_.pid()) == 'T'; });
    }
    void go_on() { p_.signal(SIGCONT); }
    /// By SIGTERM, in good order.
    support::finished end() {
        p_.signal(SIGTERM);
        return p_.wait();
    }
    static char state_of(pid_t pid) {
        const std::string stat = support::read_file("/proc/" + std::to_string(pid) + "/stat");
        const std::size_t at = stat.rfind(')');
        return at == std::string::npos || at + 2 >= stat.size() ? '?' : stat[at + 2];
    }

private:
    static support::words arguments(const world& w, support::words more) {
        support::words all{support::tool("evrecord"), w.name()};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    support::process p_;
};

/// A process that publishes numbered events until it is told to stop; field `who` of the board counts
/// them, and says so only after publish() returned.
inline child publishing(const world& w, const board& b, std::size_t who, std::size_t longest, unsigned rest_us = 0,
                        std::size_t stop_field = 0) {
    return child([&w, &b, who, longest, rest_us, stop_field] {
        const bus on = bus::open(w.name());
        author pen(on, static_cast<std::uint32_t>(who), longest);
        while (b[stop_field].load() == 0) {
            pen.publish(1);
            b[who].store(pen.count());
            if (rest_us != 0) ::usleep(rest_us);
        }
        return 0;
    });
}

/// Somebody who claims a seq and is stopped for ever right after it.
inline child stopped_after_claim(const world& w) {
    return child([&w] {
        const bus on = bus::open(w.name());
        const auto at = on.attach(ring::access::read_write);
        ring::membership place(at, ring::member_kind::publisher, "stopped");
        ring::claimer claims(*at, place.number());
        while (claims.claim() != ring::claim_status::claimed) ::usleep(100);
        ::raise(SIGSTOP);
        return claims.commit() ? 2 : 0; // somebody has stepped over it
    });
}

} // namespace process_test
