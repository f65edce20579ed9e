// A log far larger than what a reader or recorder may take: both stay small.
#include "process_fixture.hpp"

using namespace process_test;

namespace {

std::uint64_t anonymous_kib(const std::string& of) {
    const std::string status = support::read_file("/proc/" + of + "/status");
    const std::size_t at = status.find("\nRssAnon:");
    return at == std::string::npos ? 0 : std::strtoull(status.c_str() + at + 9, nullptr, 10);
}

} // namespace

TEST_CASE("memory: recording and catching up a large log take a fixed and small amount of it") {
    constexpr std::size_t longest = 3'900;
    const std::uint64_t count = rounds<std::uint64_t>(120'000, 20'000); // about 240 MB
    world w({.slots = 1024, .slot_bytes = 4096, .pacing = pacing::strict});
    const bus on = w.bus();
    evrecord recorder(w, {"--segment-bytes", "16MiB", "--sync", "none", "--keep-free", "0"});
    {
        const topic to("who.1");
        publisher pen(on);
        const std::string payload(longest, 'x');
        for (std::uint64_t i = 0; i < count / 2; ++i) REQUIRE(pen.publish(to, payload));
        REQUIRE(on.wait_written(count / 2, ages));
    }
    const std::uint64_t recorder_kib = anonymous_kib(std::to_string(recorder.pid()));
    CHECK(recorder_kib < 64 * 1024);
    CHECK(recorder.end().code == 0);
    std::uint64_t log_bytes = 0;
    for (const auto& e : std::filesystem::directory_iterator(w.log_dir() + "/segments")) log_bytes += e.file_size();

    const board b;
    child reader([&] {
        const bus there = bus::open(w.name());
        consumer c(there, {.from = from::seq(1)});
        const std::uint64_t before = anonymous_kib("self");
        std::uint64_t most = before, polls = 0;
        while (c.next() <= count / 2) {
            (void)c.poll([](const event&) {});
            if (++polls % 64 == 0) most = std::max(most, anonymous_kib("self"));
        }
        b[0] = before;
        b[1] = most;
        b[2] = c.account().events;
        return adds_up(c, 1) ? 0 : 1;
    });
    CHECK(reader.wait() == 0);
    CHECK(b[2] == count / 2);
    INFO("log ", log_bytes >> 20, " MiB; reader from ", b[0].load(), " to ", b[1].load(), " KiB; recorder ", recorder_kib, " KiB");
    CHECK(b[1].load() - b[0].load() < 16 * 1024);
    CHECK(log_bytes > (is_short() ? 30 : 200) * (std::uint64_t{1} << 20));
}
