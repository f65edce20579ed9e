// Who asks the disk to begin with what was written: the writer, now and then, or who syncs. Nobody's append
// waits for the disk's queue when it is somebody else's to ask.
#include "tests/log/log_fixture.hpp"

using namespace log_test;

namespace {

class noting_file_system final : public log::detail::posix_file_system {
public:
    void start_writeback(int fd) noexcept override {
        ++asked;
        posix_file_system::start_writeback(fd);
    }
    int asked = 0;
};

const std::string thousand_bytes(1000, 'x');

/// Appends `bytes` of events, and some more, in writes of about 100 KiB.
/// Not inlined: g++ 12 then sees a frame of no bytes where there is none.
[[gnu::noinline]] void append(test_log& l, std::uint64_t bytes, std::string_view topic = "a.b",
                              std::string_view payload = thousand_bytes) {
    while (l.writer().segment_bytes() < bytes) {
        for (int i = 0; i < 100; ++i) l.event(topic, payload);
        l.write();
    }
}

} // namespace

TEST_CASE("writeback: a writer alone asks the disk to begin, every so many bytes") {
    test_log l;
    noting_file_system files;
    l.reopen(files);
    append(l, log::writeback_bytes / 2);
    CHECK(files.asked == 0);
    append(l, log::writeback_bytes + (std::uint64_t{1} << 20));
    CHECK(files.asked == 1);
    append(l, 2 * log::writeback_bytes + (std::uint64_t{1} << 20));
    CHECK(files.asked == 2);
    l.crash();
}

TEST_CASE("writeback: left to who syncs, no append asks, and a sync point does, for its own file") {
    test_log l;
    l.options.starts_writeback = false;
    noting_file_system files;
    l.reopen(files);
    log::sync_point{}.start_writeback(); // of nothing
    append(l, 2 * log::writeback_bytes);
    CHECK(files.asked == 0);
    const log::sync_point point = l.writer().current();
    CHECK(point.bytes == l.writer().segment_bytes());
    point.start_writeback();
    CHECK(files.asked == 1);
    l.crash();
}
