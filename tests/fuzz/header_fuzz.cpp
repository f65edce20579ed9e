// The pages that are read when somebody attaches: the ring's description and log directory, ctl's first page, and
// the true lengths of both files. Whoever attaches is told what is wrong, or has a bus that can be used.
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/reading.hpp"
#include "tests/fuzz/showing.hpp"
#include "tests/fuzz/small_ring.hpp"

#include <evbus/publisher.hpp>

#include <algorithm>
#include <optional>

#include <unistd.h>

using namespace evbus;
using fuzz::require;

namespace {

constexpr std::uint64_t longest_ring = 1 << 20;

/// The two files under their names, open for writing whatever is in them.
class files {
public:
    files()
        : made_({}),
          ring_(ring::shm_file::try_open(ring::ring_object(made_.name()), ring::access::read_write)),
          ctl_(ring::shm_file::try_open(made_.at().ctl_name(), ring::access::read_write)) {
        require(ring_ && ctl_, "the files of a ring that was made are there");
        std::memcpy(&preamble_, &made_.at().ring(), sizeof preamble_);
    }
    void reset() {
        resize(ring_.fd(), made_.at().description().raw.file_bytes);
        resize(ctl_.fd(), ring::ctl_bytes);
        made_.reset();
        preamble = preamble_;
    }
    /// Bytes of the files, by write: they may be shorter than what is mapped of them.
    void put(const ring::shm_file& to, const void* from, std::size_t bytes, std::size_t at) const {
        require(::pwrite(to.fd(), from, bytes, static_cast<off_t>(at)) == static_cast<ssize_t>(bytes),
                "the file takes the bytes");
    }
    void put_preamble() const { put(ring_, &preamble, sizeof preamble, 0); }
    void put_ctl(std::span<const std::uint8_t> page) const { put(ctl_, page.data(), page.size(), 0); }
    void resize_ring(std::uint64_t bytes) const { resize(ring_.fd(), bytes); }
    void resize_ctl(std::uint64_t bytes) const { resize(ctl_.fd(), bytes); }
    [[nodiscard]] const std::string& name() const { return made_.name(); }
    [[nodiscard]] const fuzz::small_ring& made() const { return made_; }

    ring::ring_preamble preamble{};

private:
    static void resize(int fd, std::uint64_t bytes) {
        require(::ftruncate(fd, static_cast<off_t>(bytes)) == 0, "the file takes its length");
    }
    fuzz::small_ring made_;
    ring::shm_file ring_;
    ring::shm_file ctl_;
    ring::ring_preamble preamble_{};
};

std::span<std::uint8_t> bytes_of(auto& thing) { return {reinterpret_cast<std::uint8_t*>(&thing), sizeof thing}; }

bool is_a_refusal(errc kind) {
    switch (kind) {
    case errc::not_a_bus:
    case errc::byte_order:
    case errc::wrong_version:
    case errc::unknown_feature:
    case errc::damaged:
    case errc::bad_geometry:
    case errc::cut_short:
    case errc::mismatch: return true;
    default: return false;
    }
}

void use(const files& in) {
    fuzz::show_info(in.name());
    const bus looking = bus::observe(in.name());
    require(ring::valid_slots(looking.slots()) && ring::valid_slot_bytes(looking.slot_bytes()),
            "a bus that opens has a shape");
    (void)looking.head();
    (void)looking.is_retired();
    (void)looking.is_current();
    (void)looking.has_recorder();
    fuzz::checked_subscriber reader(looking, {.from = from::oldest()});
    reader.poll({});
    publisher pen(bus::open(in.name()));
    static const topic to("a.b");
    for (int i = 0; i < 3; ++i)
        require(pen.try_publish(to, "payload").status <= publish_status::damaged, "a publish has one of its statuses");
    reader.poll({});
}

/// Lengths that fit each other, of any shape that is not too large.
void choose_shape(fuzz::input& in, files& to) {
    ring::ring_description& d = to.preamble.description;
    d.slots = std::uint64_t{64} << in.below(5);
    d.slot_bytes = static_cast<std::uint32_t>(128 + 64 * in.below(16));
    d.file_bytes = std::min(ring::ring_bytes(d.slots, d.slot_bytes), longest_ring);
    to.resize_ring(d.file_bytes);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static files world;
    fuzz::input in(data, size);
    world.reset();
    const std::uint8_t how = in.byte();
    // Mostly with the right checksum: what lies behind it is to be reached.
    const bool fix = (how & 3) != 0;
    ring::ctl_header& ctl = world.made().at().ctl();
    std::optional<std::uint64_t> ring_length, ctl_length;
    while (!in.empty()) {
        switch (in.byte() % 6) {
        case 0: in.patch(bytes_of(world.preamble)); break;
        case 1: in.patch(bytes_of(ctl)); break;
        case 2: choose_shape(in, world); break;
        case 3: ring_length = in.number<std::uint32_t>() % longest_ring; break;
        case 4: ctl_length = in.number<std::uint32_t>() % (2 * ring::ctl_bytes); break;
        default: { // one word somewhere in the fields
            const std::uint64_t word = in.word();
            std::memcpy(bytes_of(world.preamble).data() + in.below(24) * 8, &word, sizeof word);
        }
        }
    }
    if (fix)
        world.preamble.description.checksum =
            ring::description_checksum(world.preamble.description, world.preamble.log_dir);
    world.put_preamble();
    if (ring_length) world.resize_ring(*ring_length);
    if (ctl_length) world.resize_ctl(*ctl_length);
    try {
        // As evctl list does it first: without writing anything.
        (void)ring::attachment::open(world.name(), ring::access::read_only, ring::access::read_only);
    } catch (const error& e) {
        require(is_a_refusal(e.kind()) || e.kind() == errc::io,
                "a ring that is not what it should be is refused as one");
        require(std::string_view(e.what()).find(world.name()) != std::string_view::npos, "a refusal names the object");
        return 0;
    }
    use(world);
    return 0;
}

std::vector<fuzz::bytes> fuzz::seeds() {
    const auto patch = [](std::uint64_t what, std::uint64_t at, std::string_view text) {
        return writer().byte(1).byte(what).half(at).stretch(text);
    };
    using d = ring::ring_description;
    return {
        writer().byte(1).done(),
        writer().byte(0).byte(0).half(0).stretch("X").done(),
        patch(0, offsetof(d, version), "\x02").done(),
        patch(0, offsetof(d, byte_order), "\x01\x02\x03\x04").done(),
        patch(0, offsetof(d, incompatible), "\x01").done(),
        patch(0, offsetof(d, compatible), "\xff").done(),
        patch(0, offsetof(d, name), "other").done(),
        patch(0, sizeof(d), "/var/lib/\xff\xfe/log").done(),
        patch(0, offsetof(d, created_ns), "\xff\xff\xff\xff\xff\xff\xff\x7f").done(),
        patch(0, offsetof(d, first_seq), "\xff\xff\xff\xff\xff\xff\xff\xff").done(),
        patch(0, offsetof(d, pacing), "\x01").byte(0).half(offsetof(d, stamps)).stretch("\x02").done(),
        patch(1, offsetof(ring::ctl_header, epoch), "x").done(),
        patch(1, offsetof(ring::ctl_header, frontier), "\xff\xff\xff\xff\xff\xff\xff\xff").done(),
        writer().byte(1).byte(2).byte(2).byte(3).done(),
        writer().byte(1).byte(2).byte(4).byte(15).done(),
        writer().byte(1).byte(3).number(std::uint32_t{8192}).done(),
        writer().byte(1).byte(4).number(std::uint32_t{4096}).done(),
        writer().byte(1).byte(5).word(~std::uint64_t{0}).byte(11).done(),
    };
}
