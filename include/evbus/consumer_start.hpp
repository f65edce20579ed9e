// What a consumer is made of, and where it begins.
#pragma once

#include <evbus/anchor.hpp>
#include <evbus/bus.hpp>
#include <evbus/error.hpp>
#include <evbus/log_walk.hpp>
#include <evbus/newest_events.hpp>
#include <evbus/newest_start.hpp>
#include <evbus/read_options.hpp>
#include <evbus/ring/head.hpp>
#include <evbus/ring_walk.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

namespace evbus {
inline namespace v1 {

/// One thread. Part of consumer, and for it alone.
struct consumer_start {
    /// Stands at the place that `how` names. Throws what consumer throws.
    consumer_start(const bus& on, const read_options& how)
        : home(on), ring(on, how, evbus::ring::member_kind::consumer), on_notice(how.on_notice), durable_only(how.durable_only) {
        if (durable_only && home.log_dir().empty())
            throw error(errc::bad_option, {"read bus " + home.name(), "durable_only", "this bus was created without a log",
                                           "leave it out, or create the bus with a log"});
        open_log();
        if (!home.log_dir().empty()) ring.deliver.owe_what_is_shed();
        start(how.from);
    }

    /// The log may come into being later, with the first recorder. Throws when it is there and is
    /// not to be read.
    void open_log() {
        if (log || home.log_dir().empty()) return;
        try {
            log.emplace(log::posix(), home.log_dir(), log::reader_options{home.id()});
            log->want_headers(ring.headers);
        } catch (const error& e) {
            if (e.kind() != errc::not_found) throw;
        }
    }

    void start(const from& asked) {
        const from where = asked.what() == from::kind::anchor ? behind_anchor() : asked;
        const seq_t head = evbus::ring::find_head(*ring.at);
        switch (where.what()) {
        case from::kind::head: ring.next = head; break;
        case from::kind::seq:
            begin = where.place();
            ring.next = begin.walk_from;
            break;
        case from::kind::epoch: ring.next = ring.at->first_seq(); break;
        case from::kind::oldest: {
            ring.next = evbus::ring::oldest_for(*ring.at, head);
            const seq_t logged = log ? log->log().first_seq() : no_seq;
            if (logged != no_seq) ring.next = std::min(ring.next, logged);
            break;
        }
        case from::kind::time: start_at_time(where.ns(), head); break;
        case from::kind::newest: start_at_newest(where.first_seq()); break;
        case from::kind::anchor: break; // is one of the others by now
        }
    }
    [[nodiscard]] from behind_anchor() const {
        const std::optional<anchor> newest = newest_anchor(home);
        return newest ? from::place(newest->place()) : from::oldest();
    }
    void start_at_newest(seq_t up_to) {
        newest_only.emplace(find_newest(home, ring, log ? &*log : nullptr, up_to, durable_only, searched));
        if (log) log->want_only(&newest_only->pick().ranges);
        ring.next = newest_only->pick().begin;
    }
    void start_at_time(std::int64_t ns, seq_t head) {
        ring.next = evbus::ring::oldest_for(*ring.at, head);
        ring.not_before_ns = ns;
        if (!log || log->log().first_seq() == no_seq) return;
        // How far the log was before the search: what comes into it meanwhile was not looked at.
        const seq_t last = log->log().last_seq();
        const seq_t found = log->log().seek_time(ns);
        // Found in the log: its running greatest time decides, not the single stamps after it.
        if (found <= last) ring.not_before_ns = 0;
        // Not there: the ring may have gone on a long way past a log that is behind.
        ring.next = std::min(found, last + 1);
    }

    /// False: it is there, and is not to be read; `failure` says why.
    bool has_log() {
        try {
            open_log();
            return true;
        } catch (const error& e) {
            failure = e.what();
            return false;
        }
    }

    bus home;
    ring_walk ring;
    std::optional<log_walk> log;
    notice_hook on_notice;
    const bool durable_only;
    std::optional<newest_events> newest_only; ///< until all of them were given
    log::read_stats searched;            ///< to find them
    cursor_place begin{no_seq, no_seq}; ///< nothing that ends before it is given
    std::string failure;
};

} // namespace v1
} // namespace evbus
