// Attaching to what is no ring, or not this library's, or was cut: each has an error of its own, and
// none ends in SIGBUS.
#include "process_fixture.hpp"
#include "ring_fixture.hpp"

#include "tests/support/random.hpp"

#include <sys/mount.h>
#include <sched.h>

#include <functional>

using namespace ring_test;

namespace {

/// A ring whose first page, ctl or files can be spoiled.
class spoiled {
public:
    explicit spoiled(const bus_shape& shape = {}) : t_(shape) {}
    [[nodiscard]] std::string ring_path() const { return ring::shm_path(ring::ring_object(t_.name())); }
    [[nodiscard]] std::string ctl_path() const { return ring::shm_path(t_.at().ctl_name()); }
    [[nodiscard]] const test_bus& bus() const { return t_; }

    /// Changes the description; with a checksum that fits again unless told otherwise.
    void describe(const std::function<void(ring::ring_description&)>& change, bool fix_checksum = true) const {
        ring::ring_header& h = t_.at().ring();
        change(h.description);
        if (fix_checksum) h.description.checksum = ring::description_checksum(h.description, h.log_dir);
    }
    [[nodiscard]] std::optional<errc> open() const {
        return refusal([&] { (void)evbus::bus::open(t_.name()); });
    }
    [[nodiscard]] std::optional<errc> after(const std::function<void(ring::ring_description&)>& change) const {
        const ring::ring_description good = t_.at().ring().description;
        describe(change);
        const std::optional<errc> what = open();
        t_.at().ring().description = good;
        CHECK(open() == std::nullopt);
        return what;
    }
    template <class Field, class Value>
    [[nodiscard]] std::optional<errc> with_ctl(Field ring::ctl_header::*field, Value value) const {
        Field& at = t_.at().ctl().*field;
        const Field good = std::exchange(at, static_cast<Field>(value));
        const std::optional<errc> what = open();
        at = good;
        CHECK(open() == std::nullopt);
        return what;
    }

private:
    test_bus t_;
};

} // namespace

TEST_CASE("attach: each thing that can be wrong with a ring's description has its own error") {
    const spoiled s;
    using d = ring::ring_description;
    CHECK(s.after([](d& x) { x.magic ^= 1; }) == errc::not_a_bus);
    CHECK(s.after([](d& x) { x.byte_order = 0x04030201; }) == errc::byte_order);
    CHECK(s.after([](d& x) { x.version += 1; }) == errc::wrong_version);
    CHECK(s.after([](d& x) { x.incompatible = 1 << 1; }) == errc::unknown_feature);
    CHECK(s.after([](d& x) { x.compatible = ~std::uint64_t{0}; }) == std::nullopt); // may be ignored
    CHECK(s.after([](d& x) { x.slots = 100; }) == errc::bad_geometry);
    CHECK(s.after([](d& x) { x.slots = 128; }) == errc::bad_geometry);
    CHECK(s.after([](d& x) { x.slot_bytes = 130; }) == errc::bad_geometry);
    CHECK(s.after([](d& x) { x.slots_offset = 4096; }) == errc::bad_geometry);
    CHECK(s.after([](d& x) { x.clock_offset += 8; }) == errc::bad_geometry);
    CHECK(s.after([](d& x) { x.tail_offset += 8; }) == errc::bad_geometry);
    CHECK(s.after([](d& x) { x.file_bytes += 64; }) == errc::bad_geometry);
    CHECK(s.after([](d& x) { x.slots = 128; x.file_bytes = ring::ring_bytes(128, 128); }) == errc::cut_short);
    CHECK(s.after([](d& x) { x.pacing = 3; }) == errc::bad_geometry);
    CHECK(s.after([](d& x) { x.stamps = 3; }) == errc::bad_geometry);
    CHECK(s.after([](d& x) { x.first_seq = 0; }) == errc::bad_geometry);
    CHECK(s.after([](d& x) { x.epoch = 0; }) == errc::bad_geometry);
    CHECK(s.after([](d& x) { std::memcpy(x.name, "Other", 6); }) == errc::bad_geometry);
    CHECK(s.after([](d& x) { std::memcpy(x.name, "other", 6); }) == errc::mismatch);
    CHECK(s.after([](d& x) { x.mode = 0660; }) == errc::mismatch);
    CHECK(s.after([](d& x) { std::memset(x.name, 'a', sizeof x.name); }) == errc::bad_geometry); // 64 bytes, no zero
}

TEST_CASE("attach: any single flipped bit of the description is refused") {
    const spoiled s;
    auto* bytes = reinterpret_cast<unsigned char*>(&s.bus().at().ring());
    for (std::size_t bit = 0; bit < sizeof(ring::ring_preamble) * 8; bit += rounds<std::size_t>(1, 7)) {
        bytes[bit / 8] = static_cast<unsigned char>(bytes[bit / 8] ^ (1U << bit % 8));
        bool refused = false;
        try {
            (void)bus::open(s.bus().name());
        } catch (const error&) {
            refused = true;
        }
        bytes[bit / 8] = static_cast<unsigned char>(bytes[bit / 8] ^ (1U << bit % 8));
        CHECK_MESSAGE(refused, "bit ", bit);
    }
    CHECK(s.open() == std::nullopt);
}

TEST_CASE("attach: each thing that can be wrong with a control object has its own error") {
    const spoiled s;
    using c = ring::ctl_header;
    CHECK(s.with_ctl(&c::magic, 1) == errc::not_a_bus);
    CHECK(s.with_ctl(&c::byte_order, 0x04030201) == errc::byte_order);
    CHECK(s.with_ctl(&c::version, 99) == errc::wrong_version);
    CHECK(s.with_ctl(&c::incompatible, 1 << 1) == errc::unknown_feature);
    CHECK(s.with_ctl(&c::incompatible, ring::exclusive_feature) == errc::bad_geometry); // its ring says nothing of that
    CHECK(s.with_ctl(&c::compatible, ~std::uint64_t{0}) == std::nullopt);
    CHECK(s.with_ctl(&c::file_bytes, 1) == errc::bad_geometry);
    CHECK(s.with_ctl(&c::epoch, 1) == errc::bad_geometry);
    CHECK(s.with_ctl(&c::members_offset, 0) == errc::bad_geometry);
    CHECK(s.with_ctl(&c::member_stride, 64) == errc::bad_geometry);
    CHECK(s.with_ctl(&c::member_count, 1) == errc::bad_geometry);
}

TEST_CASE("attach: a ring cut or grown to any other length is refused") {
    const std::uint64_t whole = ring::ring_bytes(64, 128);
    for (const std::uint64_t length : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{511}, std::uint64_t{512}, std::uint64_t{1535},
                                       std::uint64_t{1536}, std::uint64_t{4096}, std::uint64_t{8191}, std::uint64_t{8192}, whole - 4096,
                                       whole - 1, whole + 1, whole * 2}) {
        CAPTURE(length);
        const spoiled s;
        REQUIRE(::truncate(s.ring_path().c_str(), static_cast<off_t>(length)) == 0);
        CHECK(s.open() == errc::cut_short);
    }
}

TEST_CASE("attach: a control object cut or grown to any other length is refused") {
    for (const std::uint64_t length : {std::size_t{0}, std::size_t{63}, std::size_t{4096}, ring::ctl_bytes - 1, ring::ctl_bytes + 1}) {
        CAPTURE(length);
        const spoiled s;
        REQUIRE(::truncate(s.ctl_path().c_str(), static_cast<off_t>(length)) == 0);
        CHECK(s.open() == errc::cut_short);
    }
}

TEST_CASE("attach: noise under a ring's name is refused, whatever it looks like") {
    evbus_test::random_source random;
    SHOW_SEED(random);
    const shm_cleaner clean(unique_name());
    for (int i = 0; i < rounds(300, 60); ++i) {
        std::vector<std::byte> bytes = random.bytes(random.below(12000));
        if (random.one_in(2) && bytes.size() >= 8) std::memcpy(bytes.data(), &ring::ring_magic, 8);
        ring::unlink_object(ring::ring_object(clean.name()));
        const ring::shm_file f(::open(ring::shm_path(ring::ring_object(clean.name())).c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
        REQUIRE(::write(f.fd(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
        const std::optional<errc> what = refusal([&] { (void)bus::open(clean.name()); });
        REQUIRE(what.has_value());
        CHECK(what != errc::not_found);
    }
}

TEST_CASE("attach: what is no file under a ring's name is refused") {
    const shm_cleaner clean(unique_name());
    const std::string path = ring::shm_path(ring::ring_object(clean.name()));
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    CHECK(refusal([&] { (void)bus::open(clean.name()); }) == errc::not_a_bus);
    ::unlink(path.c_str());
    REQUIRE(::mkdir(path.c_str(), 0700) == 0);
    CHECK(refusal([&] { (void)bus::open(clean.name()); }) == errc::not_a_bus);
    ::rmdir(path.c_str());
    REQUIRE(::symlink("/etc/passwd", path.c_str()) == 0);
    CHECK(refusal([&] { (void)bus::open(clean.name()); }).has_value());
}

TEST_CASE("attach: a mode or owner other than at creation is refused") {
    SUBCASE("the ring's mode") {
        const spoiled s;
        REQUIRE(::chmod(s.ring_path().c_str(), 0666) == 0);
        CHECK(s.open() == errc::mismatch);
    }
    SUBCASE("the control object's mode") {
        const spoiled s;
        REQUIRE(::chmod(s.ctl_path().c_str(), 0622) == 0);
        CHECK(s.open() == errc::mismatch);
    }
    SUBCASE("the control object's owner") {
        const spoiled s;
        if (::chown(s.ctl_path().c_str(), 65534, 65534) != 0) {
            MESSAGE("not root: the owner's part is left out");
            return;
        }
        CHECK(s.open() == errc::mismatch);
    }
}

TEST_CASE("create: a full /dev/shm is an error at once, leaves nothing, and is no SIGBUS later") {
    child boxed([] {
        if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            ::mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=2m") != 0)
            return 77;
        const auto kind = refusal([] { (void)bus::create("big", {.slots = 1 << 16, .slot_bytes = 256, .with_log = false}); });
        if (kind != errc::no_space) return 1;
        if (!ring::ctl_objects("big").empty()) return 2;
        const bus small = bus::create("small", {.slots = 64, .slot_bytes = 128, .with_log = false});
        publisher pub(small);
        for (int i = 0; i < 1000; ++i)
            if (!pub.publish(topic("x"), "y")) return 3;
        return 0;
    });
    const int code = boxed.wait();
    if (code == 77) MESSAGE("no mount namespace to be had: left out");
    else CHECK(code == 0);
}
