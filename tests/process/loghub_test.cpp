// Real lines at once through a ring that is far too small, to a reader behind a pipe that stalls: every
// topic's file comes back byte for byte.
#include "process_fixture.hpp"

#include <array>
#include <cstring>
#include <sstream>

using namespace process_test;

namespace {

std::vector<std::filesystem::path> sources() {
    std::vector<std::filesystem::path> all;
    std::error_code none;
    for (const auto& e : std::filesystem::directory_iterator(std::string(EVBUS_SOURCE_DIR) + "/../shared/data/loghub", none))
        if (e.path().extension() == ".log") all.push_back(e.path());
    std::sort(all.begin(), all.end());
    return all;
}

/// Its lines without LF; CR is part of a line.
lines lines_of(const std::string& text) {
    lines out;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
}

void write_all(int fd, const void* from, std::size_t bytes) {
    const auto* at = static_cast<const char*>(from);
    while (bytes != 0) {
        const ssize_t n = ::write(fd, at, bytes);
        if (n < 0) std::_Exit(3);
        at += n;
        bytes -= static_cast<std::size_t>(n);
    }
}

} // namespace

TEST_CASE("loghub: eight files at once through 256 strict slots, a reader that stalls, byte for byte") {
    const auto files = sources();
    if (files.empty()) {
        MESSAGE("no sample logs beside the source tree; nothing to test with");
        return;
    }
    evbus_test::random_source random;
    SHOW_SEED(random);
    world w({.slots = 256, .slot_bytes = 256, .pacing = pacing::strict});
    const bus on = w.bus();
    evrecord recorder(w);

    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const board b;
    child reader([&] {
        ::close(ends[0]);
        const bus there = bus::open(w.name());
        consumer c(there, {.from = from::seq(1)});
        b[1] = 1;
        while (b[2].load() == 0 || c.next() < b[2].load()) {
            const auto s = c.poll([&](const event& e) {
                const std::uint32_t sizes[2] = {static_cast<std::uint32_t>(e.topic().size()), static_cast<std::uint32_t>(e.payload().size())};
                write_all(ends[1], sizes, sizeof sizes);
                write_all(ends[1], e.topic().data(), e.topic().size());
                write_all(ends[1], e.payload().data(), e.payload().size());
            }, [&](const gap&) { b[3].fetch_add(1); });
            if (s != consume_status::delivered) (void)c.wait(std::chrono::milliseconds(10));
        }
        b[4] = c.from_log();
        return adds_up(c, 1) ? 0 : 1;
    });
    ::close(ends[1]);
    b.wait_for(1, 1);
    std::vector<child> authors;
    for (const auto& file : files)
        authors.emplace_back([&w, file] {
            const bus there = bus::open(w.name());
            publisher pen(there, {.name = file.stem().string().substr(0, 30)});
            const topic to("logs." + file.stem().string());
            for (const std::string& line : lines_of(support::read_file(file)))
                if (!pen.publish(to, line)) return 1;
            return 0;
        });
    // A pipe holds 64 KiB: while nobody empties it the reader stands still, and the ring goes round.
    std::map<std::string, std::string> got;
    std::string bytes;
    std::array<char, 16'384> some;
    std::size_t at = 0;
    bool told = false;
    for (std::uint64_t reads = 0;; ++reads) {
        if (random.one_in(40)) ::usleep(static_cast<useconds_t>(random.below(20'000)));
        if (!told) {
            told = true;
            for (child& a : authors) CHECK(a.wait() == 0); // all is published before the first byte is read
            b[2] = on.head();
        }
        const ssize_t n = ::read(ends[0], some.data(), some.size());
        if (n <= 0) break;
        bytes.append(some.data(), static_cast<std::size_t>(n));
        std::uint32_t sizes[2];
        while (bytes.size() - at >= sizeof sizes) {
            std::memcpy(sizes, bytes.data() + at, sizeof sizes);
            if (bytes.size() - at < sizeof sizes + sizes[0] + sizes[1]) break;
            at += sizeof sizes;
            got[bytes.substr(at, sizes[0])] += bytes.substr(at + sizes[0], sizes[1]) + "\n";
            at += sizes[0] + sizes[1];
        }
        bytes.erase(0, at);
        at = 0;
    }
    ::close(ends[0]);
    CHECK(reader.wait() == 0);
    CHECK(b[3] == 0);
    CHECK(b[4] > 0);
    CHECK(bytes.empty());
    CHECK(got.size() == files.size());
    for (const auto& file : files) {
        std::string want = support::read_file(file);
        if (!want.empty() && want.back() != '\n') want += '\n';
        INFO(file.string());
        CHECK((got["logs." + file.stem().string()] == want));
    }
    CHECK(recorder.end().code == 0);
}
