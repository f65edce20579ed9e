// A bus with evtail beside it: events are published by the test itself, the recorder and evtail are
// the programs.
#pragma once

#include "tests/support/process.hpp"
#include "tests/support/scratch_bus.hpp"
#include "tests/support/text.hpp"

#include <evbus/bus.hpp>
#include <evbus/publisher.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tools_test {

using support::finished;
using support::process;
using support::run;
using support::words;
using lines = std::vector<std::string>;

struct evtail_fixture : support::scratch_bus {
    std::optional<evbus::bus> bus;
    std::unique_ptr<evbus::publisher> pub;

    /// A bus without a log of 64 slots, so that a few events go round it.
    void create_ring(std::uint64_t slots = 64) { create({.slots = slots, .slot_bytes = 256, .with_log = false}); }
    void create_logged(std::uint64_t slots = 64) {
        create({.slots = slots, .slot_bytes = 256, .pacing = evbus::pacing::overwrite, .log_dir = log()});
    }
    void create(evbus::bus_options o) {
        o.stall_limit = std::chrono::hours(1); // a machine that holds a recorder up for a second says nothing about it
        bus = evbus::bus::create(name(), o);
        pub = std::make_unique<evbus::publisher>(*bus, evbus::publisher_options{.name = "gateway"});
    }
    evbus::seq_t publish(const std::string& topic, const std::string& payload, const evbus::headers& h = {}) const {
        const evbus::published r = pub->publish(evbus::topic(topic), std::as_bytes(std::span(payload)), {.headers = h});
        REQUIRE(r.status == evbus::publish_status::published);
        return r.seq;
    }
    /// Payloads 1, 2, ... n under topic a.b.
    void publish_numbers(int n, int first = 1) const {
        for (int i = first; i < first + n; ++i) publish("a.b", std::to_string(i));
    }
    /// Everybody gone and the ring's files too, as by rm: nothing is closed.
    void remove_ring_files() {
        pub.reset();
        bus.reset();
        for (const auto& e : std::filesystem::directory_iterator("/dev/shm"))
            if (e.path().filename().string().starts_with("evbus." + name() + ".")) std::filesystem::remove(e.path());
    }

    /// A recorder at work on the bus; waits until it is.
    [[nodiscard]] process record(words more = {}) const {
        words w{support::tool("evrecord"), name()};
        w.insert(w.end(), more.begin(), more.end());
        process p(w);
        p.wait_for_err("recording bus");
        return p;
    }
    void wait_written(evbus::seq_t seq) const { REQUIRE(bus->wait_written(seq, std::chrono::seconds(30))); }
    static int end(process& p) {
        p.signal(SIGTERM);
        return p.wait().code;
    }
    /// Records what was published so far into a log that stays.
    void record_all() const {
        process p = record();
        wait_written(bus->head() - 1);
        REQUIRE(end(p) == 0);
    }

    [[nodiscard]] words command(words more) const {
        words w{support::tool("evtail"), name()};
        w.insert(w.end(), more.begin(), more.end());
        return w;
    }
    [[nodiscard]] finished tail(words more = {}) const { return run(command(std::move(more)), {}, environment()); }
    [[nodiscard]] process start(words more) const { return process(command(std::move(more)), environment()); }
    [[nodiscard]] static finished tail_of(words args) {
        args.insert(args.begin(), support::tool("evtail"));
        return run(args, {}, environment());
    }
    [[nodiscard]] static process::options environment() { return {.environment = {"TZ=UTC"}}; }
    /// The payloads shown by `-o cat`.
    [[nodiscard]] lines payloads(words more) const {
        more.insert(more.begin(), {"-o", "cat"});
        return tail(std::move(more)).out_lines();
    }
};

inline lines numbers(int first, int last) {
    lines all;
    for (int i = first; i <= last; ++i) all.push_back(std::to_string(i));
    for (int i = first; i >= last && first > last; --i) all.push_back(std::to_string(i));
    return all;
}

using support::has;

} // namespace tools_test
