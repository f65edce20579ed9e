// evtail --ring FILE: a copied ring of arbitrary bytes, its header valid or not, read and shown in every way. Whatever
// is in the file, evtail ends, with events and gaps or with an error that names the file.
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/showing.hpp"
#include "tests/fuzz/small_ring.hpp"

#include "tools/cli/exit_codes.hpp"
#include "tools/evtail/tail.hpp"

#include <evbus/publisher.hpp>

#include <algorithm>
#include <array>

#include <sys/mman.h>
#include <unistd.h>

using namespace evbus;
using fuzz::require;

namespace {

/// Rings with events, voids and a large event in them, as they lie in /dev/shm.
const std::vector<fuzz::bytes>& copies() {
    static const std::vector<fuzz::bytes> made = [] {
        std::vector<fuzz::bytes> all;
        using ring::stamp_mode;
        for (const fuzz::shape& how :
             {fuzz::shape{}, fuzz::shape{.slot_bytes = 256, .stamps = stamp_mode::counter, .first_seq = 1000},
              fuzz::shape{.stamps = stamp_mode::none, .first_seq = (seq_t{1} << 63) - 40}}) {
            const fuzz::small_ring from(how);
            publisher pen(from.bus());
            const headers some{{"type", "t"}, {"own", "v"}};
            for (int i = 0; i < 70; ++i) // more than a lap
                require(pen.try_publish(topic(i % 2 == 0 ? "a.b" : "a.c"), "payload " + std::to_string(i),
                                        {.headers = some})
                                .status == publish_status::published,
                        "a new ring takes events");
            (void)pen.try_publish(topic("large"), std::string(400, 'x'));
            const seq_t head = ring::find_head(from.at());
            from.at().slot(head)->store(
                ring::slot_word(from.at().shape().lap(head), static_cast<member_no>(7), ring::phase::writing).bits());
            (void)pen.try_publish(topic("after"), "");
            all.emplace_back(from.ring_bytes().begin(), from.ring_bytes().end());
        }
        return all;
    }();
    return made;
}

/// A file without a name, so that nothing is left behind.
class file {
public:
    file() : fd_(::memfd_create("evbus-fuzz", MFD_CLOEXEC)) { require(fd_ >= 0, "a file in memory"); }
    void fill(std::span<const std::uint8_t> with) const {
        require(::ftruncate(fd_, static_cast<off_t>(with.size())) == 0 &&
                    ::pwrite(fd_, with.data(), with.size(), 0) == static_cast<ssize_t>(with.size()),
                "the file takes the bytes");
    }
    [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

private:
    int fd_;
};

constexpr std::size_t longest_file = 128 * 1024;

/// A copy with words and stretches written over.
fuzz::bytes broken_copy(fuzz::input& in, bool fix) {
    fuzz::bytes copy = copies()[in.below(copies().size())];
    ring::ring_description d;
    std::memcpy(&d, copy.data(), sizeof d);
    const ring::geometry shape(d.slots, d.slot_bytes);
    while (!in.empty()) {
        const std::span<std::uint8_t> all(copy);
        switch (in.byte() % 6) {
        case 0: in.patch(all.first(std::min(copy.size(), sizeof(ring::ring_preamble)))); break;
        case 1: in.patch(all.subspan(offsetof(ring::ring_header, tail))); break;
        case 2: { // the word of a slot
            const seq_t near = d.first_seq + in.byte();
            const std::uint64_t bits = fuzz::read_slot_word(in, shape, near).bits();
            std::memcpy(copy.data() + sizeof(ring::ring_header) + shape.index(near) * shape.slot_bytes(), &bits,
                        sizeof bits);
            break;
        }
        case 3: { // the tail
            const std::uint64_t tail = in.byte() % 2 == 0 ? in.word() : d.first_seq + in.byte();
            std::memcpy(copy.data() + offsetof(ring::ring_header, tail), &tail, sizeof tail);
            break;
        }
        case 4: { // a word of the description
            const std::uint64_t word = in.word();
            std::memcpy(copy.data() + in.below(24) * 8, &word, sizeof word);
            break;
        }
        default: // all slots at once
            const std::uint8_t first = in.byte();
            const std::uint64_t bits = fuzz::read_slot_word(in, shape, d.first_seq + first).bits();
            const std::uint64_t laps_each = in.byte();
            for (std::uint64_t i = 0; i < shape.slots(); ++i) {
                const std::uint64_t word = bits + (i * laps_each << 16);
                std::memcpy(copy.data() + sizeof(ring::ring_header) + i * shape.slot_bytes(), &word, sizeof word);
            }
        }
    }
    if (fix) {
        ring::ring_preamble p;
        std::memcpy(&p, copy.data(), sizeof p);
        p.description.checksum = ring::description_checksum(p.description, p.log_dir);
        std::memcpy(copy.data(), &p, sizeof p);
    }
    return copy;
}

evtail::options how_to_show(fuzz::input& in, const std::string& path) {
    evtail::options o;
    o.ring_file = path;
    const std::uint8_t range = in.byte();
    if ((range & 1) != 0) o.all = true;
    if ((range & 2) != 0) o.from = in.number<std::uint16_t>() + std::uint64_t{1};
    if ((range & 4) != 0) o.to = in.word() | 1U;
    if ((range & 8) != 0) o.since = static_cast<std::int64_t>(in.word());
    if ((range & 16) != 0) o.newest_first = true;
    if ((range & 32) != 0) o.last = in.byte();
    if ((range & 64) != 0) o.from = in.word() | 1U;
    const std::uint8_t what = in.byte();
    if ((what & 1) != 0) o.wanted.topics = {"a.*", "large"};
    if ((what & 2) != 0) o.topics = true;
    if ((what & 4) != 0) o.stats = true;
    if ((what & 8) != 0) o.count = in.byte();
    o.on_gap = static_cast<evtail::gap_policy>((what >> 4) % 3);
    o.format.mode = evtail::output_modes()[in.below(evtail::output_modes().size())].second;
    if ((what & 128) != 0) o.format.template_text = "%s %t %T %n %P %h %l %p %x";
    o.format.zone = cli::zone::utc;
    return o;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const file copy;
    fuzz::input in(data, size);
    const std::uint8_t how = in.byte();
    const evtail::options o = how_to_show(in, copy.path());
    if ((how & 7) == 0) {
        copy.fill(in.all());
    } else {
        const fuzz::bytes broken = broken_copy(in, (how & 7) != 1);
        copy.fill(
            std::span(broken).first(std::min(longest_file, (how & 0x78) == 0x78 ? broken.size() / 2 : broken.size())));
    }
    cli::output out(fuzz::nowhere());
    try {
        evtail::tail tail(o, out, nullptr);
        const int code = tail.run();
        require(code == cli::exit_fine || code == 1 || code == 3 || code == 4 || code == 124,
                "evtail ends with one of its exit codes");
    } catch (const error& e) {
        require(e.kind() == errc::not_a_bus || e.kind() == errc::cut_short || e.kind() == errc::damaged ||
                    e.kind() == errc::bad_geometry || e.kind() == errc::wrong_version || e.kind() == errc::byte_order ||
                    e.kind() == errc::unknown_feature || e.kind() == errc::bad_option,
                "a file that is no ring is refused as one");
    }
    return 0;
}

std::vector<fuzz::bytes> fuzz::seeds() {
    std::vector<bytes> all;
    for (unsigned copy = 0; copy < 3; ++copy) {
        const auto begin = [&](std::uint64_t range, std::uint64_t what, std::uint64_t mode) {
            return writer().byte(2).byte(range).byte(what).byte(mode).byte(copy);
        };
        all.push_back(begin(1, 0, copy).done());
        all.push_back(begin(0, 1, 3).byte(2).byte(40).byte(0x02).byte(2).done());
        all.push_back(begin(1, 2, 4).byte(3).byte(0).word(~std::uint64_t{0}).done());
        all.push_back(begin(16, 4, 5).byte(2).byte(3).byte(0xff).word(~std::uint64_t{0}).done());
        all.push_back(begin(1, 128, 6).byte(1).half(6700).stretch("\xff\xff\xff\xff\xff\xff").done());
        all.push_back(begin(1, 0, 2).byte(5).byte(0).byte(0x02).byte(1).byte(3).done());
        all.push_back(begin(17, 0, 1).byte(4).word(~std::uint64_t{0}).byte(11).done());
    }
    all.push_back(writer().byte(0).byte(1).byte(0).byte(0).stretch("short").done());
    all.push_back(writer().byte(0x7a).byte(1).byte(0).byte(0).byte(0).done());
    return all;
}
