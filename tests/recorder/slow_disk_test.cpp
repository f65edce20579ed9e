// A disk that is slower than the events: what the recorder says of it, and how it gives up when it was told to.
#include "recorder_fixture.hpp"

#include "tests/support/passing_fs.hpp"

#include <condition_variable>
#include <mutex>

using namespace recorder_test;

namespace {

/// A disk whose writes stand still while it is frozen.
class freezing_disk : public evbus_test::passing_file_system {
public:
    void freeze() { set(true); }
    void thaw() { set(false); }
    std::int64_t write(int fd, const void* from, std::size_t n, std::uint64_t at) noexcept override {
        {
            std::unique_lock lock(mutex_);
            moved_.wait(lock, [this] { return !frozen_; });
        }
        return passing_file_system::write(fd, from, n, at);
    }

private:
    void set(bool frozen) {
        {
            const std::lock_guard lock(mutex_);
            frozen_ = frozen;
        }
        moved_.notify_all();
    }
    std::mutex mutex_;
    std::condition_variable moved_;
    bool frozen_ = false;
};

/// A recorder over such a disk, with a batch for each event: eight of them are all it has.
struct slow_world {
    explicit slow_world(std::optional<std::chrono::nanoseconds> limit, bus_options how) : w(std::move(how)), on(w.bus()), pen(on, 1) {
        recorder::options o;
        o.files = &disk;
        o.batch_events = 1;
        o.halt_when_behind = limit;
        o.on_notice = [this](const notice& n) {
            const std::lock_guard lock(mutex);
            notices.push_back(n.text);
        };
        recording.emplace(on, std::move(o));
        pen.publish(1);
        REQUIRE(on.wait_written(1, ages));
    }
    ~slow_world() { disk.thaw(); }
    [[nodiscard]] const ring::frontier_words& words() const { return at->ctl().frontier; }
    [[nodiscard]] pressure state() const { return static_cast<pressure>(words().pressure.load()); }
    [[nodiscard]] bool was_told(const std::string& part) {
        const std::lock_guard lock(mutex);
        return std::any_of(notices.begin(), notices.end(), [&](const std::string& n) { return n.find(part) != std::string::npos; });
    }

    world w;
    bus on;
    std::shared_ptr<ring::attachment> at = on.attach(ring::access::read_only);
    author pen;
    freezing_disk disk;
    std::mutex mutex;
    lines notices;
    std::optional<recorder_thread> recording;
};

} // namespace

TEST_CASE("slow disk: normal, throttled, suspended and back stand in ctl; it is waited for as long as it takes") {
    slow_world s(std::nullopt, {.slots = 256});
    CHECK(s.state() == pressure::normal);
    s.disk.freeze();
    s.pen.publish(4);
    wait_until([&] { return s.state() == pressure::throttled; });
    CHECK(s.words().suspensions.load() == 0);
    s.pen.publish(8);
    wait_until([&] { return s.state() == pressure::suspended; });
    CHECK(s.words().suspensions.load() == 1);
    wait_until([&] { return s.was_told("events come faster"); });
    CHECK(s.on.frontier().state == recorder_state::recording);
    s.disk.thaw();
    REQUIRE(s.on.wait_written(s.pen.last(), ages));
    wait_until([&] { return s.state() == pressure::normal; });
    wait_until([&] { return s.was_told("keeps up again"); });
    CHECK(s.recording->stop().state == recorder_state::ended);
    CHECK(s.w.whole_log().all_of({{1, s.pen.count()}}));
}

TEST_CASE("slow disk: told to halt it says so at once, lets publishers go on, and ends when the write under way returns") {
    slow_world s(std::chrono::milliseconds(20), {.slots = 64, .pacing = pacing::paced, .stall_limit = std::chrono::hours(1)});
    s.disk.freeze();
    s.pen.publish(20);
    wait_until([&] { return s.on.frontier().state == recorder_state::backpressure; });
    CHECK_FALSE(s.recording->is_over());
    s.pen.publish(200); // several laps: else it would wait for an hour
    s.disk.thaw();
    const recorder::outcome o = s.recording->join();
    s.recording.reset();
    CHECK(o.state == recorder_state::backpressure);
    CHECK(o.reason.find("events come faster than the disk takes them, for 0.02 s") != std::string::npos);
    CHECK(s.on.frontier().state == recorder_state::backpressure);
    CHECK(s.state() == pressure::suspended);
    REQUIRE(s.w.runs().size() == 1);
    CHECK(s.w.runs()[0].status == recorder::run_status::quarantined);
    CHECK(s.w.runs()[0].reason == o.reason);
    CHECK(s.w.runs()[0].durable_seq == o.recorded.last);
    // What was captured by then is in the log without a hole; the next one begins with a good word of its disk.
    const ledger l = s.w.whole_log();
    CHECK(l.all_of({{1, o.recorded.last}}));
    recorder_thread next(s.on);
    CHECK(s.state() == pressure::normal);
}

TEST_CASE("slow disk: who halts and is started again in time has everything") {
    slow_world s(std::chrono::milliseconds(5), {.slots = 256, .pacing = pacing::strict});
    s.disk.freeze();
    s.pen.publish(100);
    wait_until([&] { return s.on.frontier().state == recorder_state::backpressure; });
    s.disk.thaw();
    CHECK(s.recording->join().state == recorder_state::backpressure);
    s.recording.reset();
    CHECK(record_all(s.on).state == recorder_state::ended);
    CHECK(s.w.whole_log().all_of({{1, 101}}));
}

TEST_CASE("slow disk: asked to stop while it waits, it writes what was there and ends in good order") {
    slow_world s(std::nullopt, {.slots = 256});
    s.disk.freeze();
    s.pen.publish(50);
    wait_until([&] { return s.state() == pressure::suspended; });
    s.recording->ask_to_stop();
    s.disk.thaw();
    CHECK(s.recording->join().state == recorder_state::ended);
    CHECK(s.w.whole_log().all_of({{1, 51}}));
}
