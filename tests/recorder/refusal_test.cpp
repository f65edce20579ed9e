// What a recorder refuses, with words that name the object and the way out.
#include "recorder_fixture.hpp"

using namespace recorder_test;

namespace {

errc refusal(const bus& on, std::string* words = nullptr) {
    try {
        recorder::recording r(on, {});
    } catch (const error& e) {
        if (words != nullptr) *words = e.what();
        return e.kind();
    }
    return errc{};
}

} // namespace

TEST_CASE("refusal: a second recorder on the ring, and none on it once the first is gone") {
    world w;
    const bus on = w.bus();
    std::string words;
    {
        recorder_thread first(on);
        CHECK(refusal(on, &words) == errc::recorder_alive);
        CHECK(words.find(w.name()) != std::string::npos);
        CHECK(words.find(std::to_string(::getpid())) != std::string::npos);
    }
    CHECK(refusal(on) == errc{});
}

TEST_CASE("refusal: a second recorder on the log, although its ring is another one") {
    world w;
    const bus on = w.bus();
    recorder_thread first(on);
    w.unlink_ring(); // the first one's ring is still there, without a name, until the recorder sees it
    CHECK_FALSE(log::log_lock::try_acquire(log::posix(), w.log_dir(), "test"));
}

TEST_CASE("refusal: who creates the bus at this moment holds the LOCK, and is waited for") {
    world w;
    const bus on = w.bus();
    std::optional<log::log_lock> creating = log::log_lock::try_acquire(log::posix(), w.log_dir(), "creating bus");
    REQUIRE(creating);
    std::thread creator([&] {
        ::usleep(100'000);
        creating.reset();
    });
    CHECK(refusal(on) == errc{});
    creator.join();
}

TEST_CASE("refusal: a log that belongs to another bus") {
    world w, other;
    const bus on = w.bus();
    author(on, 1).publish(5);
    (void)record_all(on);
    const bus stranger = other.bus();
    author(stranger, 1).publish(5);
    (void)record_all(stranger);
    std::filesystem::remove_all(w.log_dir() + "/segments");
    std::filesystem::copy(other.log_dir() + "/segments", w.log_dir() + "/segments");
    std::string words;
    CHECK(refusal(on, &words) == errc::foreign_log);
    CHECK(words.find(w.log_dir()) != std::string::npos);
}

TEST_CASE("refusal: a ring that is behind its log, with the way out") {
    world w;
    const bus on = w.bus();
    author pen(on, 1);
    pen.publish(50);
    (void)record_all(on);
    const std::string kept = w.place().file("kept");
    std::filesystem::copy(w.log_dir(), kept, std::filesystem::copy_options::recursive);
    // The ring is made anew with a bus id and a place that it should never have got.
    const auto at = on.attach(ring::access::read_only);
    w.unlink_ring();
    ring::creation c;
    c.name = w.name();
    c.slots = 64;
    c.slot_bytes = 128;
    c.id = on.id();
    c.epoch = static_cast<epoch_t>(4711);
    c.first_seq = 1;
    c.mode = 0600;
    c.log_dir = w.log_dir();
    c.pacing = pacing::paced;
    c.stall_limit_ns = 1'000'000'000;
    REQUIRE(ring::create_ring(c));
    const bus fresh = bus::open(w.name());
    author late(fresh, 2);
    late.publish(5);
    std::string words;
    CHECK(refusal(fresh, &words) == errc::mismatch);
    CHECK(words.find("50") != std::string::npos);
    CHECK(words.find("evctl remove") != std::string::npos);
    // Ahead of the log's end by now, it is still not the ring that the log knows.
    late.publish(100);
    CHECK(refusal(fresh, &words) != errc{});
    CHECK(w.whole_log().all_of({{1, 50}})); // nothing was written over it
}

TEST_CASE("refusal: a bus without a log has nothing to record to") {
    world w({.with_log = false});
    std::string words;
    CHECK(refusal(w.bus(), &words) == errc::bad_option);
    CHECK(words.find("without a log") != std::string::npos);
}
