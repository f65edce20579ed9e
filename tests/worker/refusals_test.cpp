// What keeps a worker from starting, each with its own error and way out: options out of range, and cursors that are
// not to be trusted.
#include "tests/worker/worker_fixture.hpp"

#include <fstream>
#include <limits>

#include <grp.h>
#include <sys/wait.h>

using namespace worker_test;

namespace {

/// What stands against starting it; empty when nothing does.
std::string refusal(const stage& s, const worker_options& how) {
    try {
        worker w(s.on, how, [](const event&) {});
    } catch (const error& e) {
        return words_of(e);
    }
    return {};
}
std::string refusal(const stage& s) { return refusal(s, s.how); }

/// A stage whose cursor stands behind three events.
struct begun_stage : stage {
    begun_stage() {
        publish_numbers(1, 3);
        worker w = start();
        until(3);
        CHECK(end_of(w) == "");
    }
    log::cursor_paths at{{log_dir()}, "billing"};
};

} // namespace

TEST_CASE("refusals: options out of range are named, with their range") {
    const stage s;
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const auto with = [&](auto change) {
        worker_options o = s.how;
        change(o);
        return refusal(s, o);
    };
    const auto says = [](const std::string& text, const std::string& option) {
        INFO(text);
        CHECK(has(text, "option out of range: start worker billing: " + option));
        CHECK(has(text, "out of range; use "));
    };
    says(with([](auto& o) { o.retry.attempts = 0; }), "retry.attempts 0");
    says(with([](auto& o) { o.retry.attempts = 4'000'000'000; }), "retry.attempts 4000000000");
    says(with([](auto& o) { o.retry.first_delay = -1ns; }), "retry.first_delay -1 ns");
    says(with([](auto& o) { o.retry.max_delay = std::chrono::nanoseconds::min(); }), "retry.max_delay -9223372036854775808 ns");
    says(with([](auto& o) { o.retry.max_delay = std::chrono::nanoseconds::max(); }), "retry.max_delay");
    says(with([](auto& o) { o.retry.factor = 0.5; }), "retry.factor 0.5");
    says(with([](auto& o) { o.retry.factor = nan; }), "retry.factor");
    says(with([](auto& o) { o.retry.factor = infinity; }), "retry.factor inf");
    says(with([](auto& o) { o.retry.jitter = 1.5; }), "retry.jitter 1.5");
    says(with([](auto& o) { o.retry.jitter = -0.1; }), "retry.jitter");
    says(with([](auto& o) { o.retry.jitter = nan; }), "retry.jitter");
    says(with([](auto& o) { o.save.events = 0; }), "save.events 0");
    says(with([](auto& o) { o.save.events = std::numeric_limits<std::uint64_t>::max(); }), "save.events 18446744073709551615");
    says(with([](auto& o) { o.save.every = -1ns; }), "save.every -1 ns");
    says(with([](auto& o) { o.save.every = std::chrono::nanoseconds::max(); }), "save.every");
    says(with([](auto& o) { o.save.ahead = std::numeric_limits<std::uint64_t>::max(); }), "save.ahead 18446744073709551615");
    says(with([](auto& o) { o.batch = 0; }), "batch 0");
    says(with([](auto& o) { o.batch = 1u << 30; }), "batch 1073741824");
    says(with([](auto& o) { o.batch_bytes = 0; }), "batch_bytes 0");
    says(with([](auto& o) { o.max_dead_bytes = 0; }), "max_dead_bytes 0");
    says(with([](auto& o) { o.max_waiting_bytes = 0; }), "max_waiting_bytes 0");
    says(with([](auto& o) { o.spin = -1ns; }), "spin -1 ns");
    says(with([](auto& o) { o.restart = restart::bounded{.times = 3, .within = 0ns}; }), "restart.within 0 ns");
    CHECK(with([](auto& o) { o.retry = {.attempts = 1, .first_delay = 0ns, .factor = 1, .max_delay = 0ns, .jitter = 1}; }).empty());
    CHECK(!fs::exists(log::log_dir{s.log_dir()}.cursors() + "/never"));
}

TEST_CASE("refusals: names, filters, and a bus without a log") {
    stage s;
    for (const char* name : {"", "A", "../x", "a/b", "-a"}) {
        s.how.cursor = name;
        CHECK(has(refusal(s), "malformed name"));
    }
    s.how.cursor = "billing";
    s.how.name = std::string(100, 'x');
    CHECK(!refusal(s).empty());
    s.how.name = "worker";
    s.how.filters = {"a..b"};
    CHECK(has(refusal(s), "malformed filter"));
    s.how.filters = {};
    support::scratch_bus bare;
    const bus on = bus::create(bare.name(), {.slots = 64, .with_log = false});
    CHECK_THROWS_WITH_AS(worker(on, s.how, [](const event&) {}),
                         ("keep a cursor: bus " + bare.name() + ": it has no log, and cursors are kept beside the log; create the bus with a log").c_str(), error);
}

TEST_CASE("refusals: a cursor of another filter, also one of headers") {
    begun_stage s;
    s.how.filters = {"other.>"};
    CHECK(has(refusal(s), "different from what was asked for: open cursor billing: it was saved with the filter '>', and not with 'other.>'"));
    s.how.filters = {};
    s.how.headers.add("kind", "order");
    CHECK(has(refusal(s), "and not with '> --header kind=order'"));
    s.how.headers = {};
    CHECK(refusal(s).empty());
}

TEST_CASE("refusals: a cursor ahead of ring and log together") {
    const begun_stage s;
    log::saved_cursor ahead = s.saved();
    ahead.place = {1000, 1000};
    ++ahead.saves;
    std::ofstream(s.at.current, std::ios::binary) << log::encode_cursor(ahead);
    CHECK(has(refusal(s), "open cursor billing: its place, seq 1000, lies ahead of ring and log, which end before seq 4; the bus lost its end"));
}

TEST_CASE("refusals: a cursor of another bus") {
    const begun_stage s;
    log::saved_cursor foreign = s.saved();
    foreign.bus.words[0] ^= 1;
    ++foreign.saves;
    std::ofstream(s.at.current, std::ios::binary) << log::encode_cursor(foreign);
    CHECK(has(refusal(s), "log of another bus: open cursor billing: it belongs to another bus"));
}

TEST_CASE("refusals: a cursor damaged once is used, with a notice; damaged twice it is refused") {
    begun_stage s;
    std::vector<std::string> notices;
    s.how.on_notice = [&](const notice& n) { notices.push_back(n.text); };
    std::ofstream(s.at.current) << "damage";
    {
        worker w = s.start();
        CHECK(end_of(w) == "");
        REQUIRE(notices.size() == 1);
        CHECK(has(notices[0], "cursor billing: its newest file is damaged"));
    }
    std::ofstream(s.at.current) << "damage";
    std::ofstream(s.at.before()) << "damage";
    CHECK(has(refusal(s), "damaged: open cursor billing: damaged, and so is the one saved before it; `evlog cursors DIR reset billing SEQ`"));
}

TEST_CASE("refusals: a cursor in use names its user; an ended worker's is free") {
    begun_stage s;
    s.how.name = "till 7";
    worker w = s.start();
    CHECK(has(refusal(s), "in use: open cursor billing: " + s.at.lock() + ": in use by process " + std::to_string(::getpid()) + " (till 7)"));
    CHECK(end_of(w) == "");
    CHECK(refusal(s).empty());
}

TEST_CASE("refusals: a directory that cannot be written") {
    if (::geteuid() != 0) {
        MESSAGE("not root: not tested");
        return;
    }
    stage s;
    fs::permissions(s.dir.path(), fs::perms::all);
    fs::permissions(s.log_dir(), fs::perms(0755));
    const bus seen = s.on; // mapped while it was allowed
    const pid_t child = ::fork();
    if (child == 0) {
        constexpr unsigned stranger = 65534;
        std::string said;
        if (::setgroups(0, nullptr) != 0 || ::setresgid(stranger, stranger, stranger) != 0 || ::setresuid(stranger, stranger, stranger) != 0) ::_exit(9);
        try {
            const work::place_keeper place(seen, s.how, 1, log::posix());
        } catch (const error& e) {
            said = words_of(e);
        }
        ::_exit(has(said, "permission denied: open cursor billing: " + s.log_dir() + "/cursors: permission denied; check its owner and mode") ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}
