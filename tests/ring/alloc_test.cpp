// What runs once per event takes no memory: publishing anything at all, and reading what fits a slot.
#include "tests/ring/ring_fixture.hpp"
#include "tests/support/event_loop.hpp"

#include <cstdlib>
#include <new>

namespace {

std::atomic<std::uint64_t> taken{0};

void* take(std::size_t bytes) {
    taken.fetch_add(1, std::memory_order_relaxed);
    if (void* at = std::malloc(bytes)) return at;
    throw std::bad_alloc();
}

} // namespace

void* operator new(std::size_t bytes) { return take(bytes); }
void* operator new[](std::size_t bytes) { return take(bytes); }
void operator delete(void* at) noexcept { std::free(at); }
void operator delete[](void* at) noexcept { std::free(at); }
void operator delete(void* at, std::size_t) noexcept { std::free(at); }
void operator delete[](void* at, std::size_t) noexcept { std::free(at); }

using namespace ring_test;

namespace {

template <class Work>
std::uint64_t taken_by(Work&& work) {
    const std::uint64_t before = taken.load();
    work();
    return taken.load() - before;
}

} // namespace

TEST_CASE("alloc: the count sees an allocation") {
    CHECK(taken_by([] { delete new int(1); }) >= 1);
}

TEST_CASE("alloc: publishing takes no memory, whatever it is given") {
    test_bus t({.slots = 64, .slot_bytes = 128, .pacing = pacing::paced});
    publisher& pen = t.pen();
    const topic x("md.trade.AAPL");
    const headers with{{"type", "t"}, {"own-key", "v"}};
    const std::string small(40, 's');
    const std::string large(700, 'l');
    const std::string too_large(std::size_t{1} << 20, 'z');
    const std::uint64_t odd[2] = {0xffff, 0};
    const headers_view broken(std::as_bytes(std::span(odd)));
    publish_status last{};
    CHECK(taken_by([&] {
              for (int i = 0; i < 1000; ++i) (void)pen.publish(x, small);
              (void)pen.publish(x, "", {.headers = with});
              (void)pen.publish(x, large);
              (void)pen.try_publish(x, small);
              (void)pen.publish_for(std::chrono::milliseconds(1), x, small);
              last = pen.publish(x, too_large).status;
          }) == 0);
    CHECK(last == publish_status::too_large);
    CHECK(taken_by([&] { last = pen.publish(x, small, {.headers = broken}).status; }) == 0);
    CHECK(last == publish_status::bad_headers);
}

TEST_CASE("alloc: reading what fits a slot takes no memory, filters and gaps included") {
    test_bus t({.slots = 64, .slot_bytes = 128});
    subscriber s(t.bus(), {.filters = {"md.>", "a.*"}, .exclude = {"md.*.TEST"}, .from = from::oldest()});
    const topic topics[] = {topic("md.trade.AAPL"), topic("md.trade.TEST"), topic("a.b"), topic("other")};
    std::uint64_t got = 0;
    std::uint64_t lost = 0;
    publisher& pen = t.pen();
    CHECK(taken_by([&] {
              for (int i = 0; i < 1000; ++i) {
                  (void)pen.publish(topics[i % 4], "payload");
                  if (i % 100 == 0) s.poll([&](const event& e) { got += e.payload().size(); }, [&](const gap& g) { lost += g.seqs; });
              }
              (void)s.wait(std::chrono::nanoseconds(0));
          }) == 0);
    CHECK(got > 0);
    CHECK(lost > 0);
}

TEST_CASE("alloc: a reader that is woken through its descriptor takes no memory for an event either") {
    test_bus t;
    subscriber s(t.bus());
    const int fd = s.fd();
    publisher& pen = t.pen();
    const topic x("x");
    std::uint64_t got = 0;
    CHECK(taken_by([&] {
              for (int i = 0; i < 200; ++i) {
                  (void)pen.publish(x, "payload");
                  support::until_readable(fd);
                  got += s.poll([](const event&) {});
              }
          }) == 0);
    CHECK(got == 200);
}
