// Proof that the thread sanitizer looks: a race planted over one shared mapping must be reported. In
// other builds there is nothing to prove.
#include "process_fixture.hpp"
#include "ring_fixture.hpp"

#include <thread>

using namespace ring_test;

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif

TEST_CASE("tsan: a planted race on a ring's payload, stored plainly, is reported") {
#ifdef UNDER_TSAN
    test_bus t;
    child racer([&] {
        ::close(STDERR_FILENO); // its report is expected
        auto* plain = reinterpret_cast<volatile std::uint64_t*>(t.at().slot(1) + 1);
        std::jthread other([&] { *plain = 1; });
        *plain = 2;
        return 0;
    });
    CHECK(racer.wait() == 66); // what the sanitizer exits with
#else
    MESSAGE("not built with the thread sanitizer");
#endif
}
