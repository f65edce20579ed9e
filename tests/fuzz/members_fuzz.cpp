// The control object under a living ring: frontiers, verdict, bells, notices and the table of participants, written
// over between the steps of those who join, publish, read, record, wait and look on.
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/reading.hpp"
#include "tests/fuzz/recorder_pass.hpp"
#include "tests/fuzz/seams.hpp"
#include "tests/fuzz/showing.hpp"
#include "tests/fuzz/small_ring.hpp"

#include "lib/recorder/member_watch.hpp"

#include <evbus/publisher.hpp>

#include <array>
#include <cstring>
#include <optional>

using namespace evbus;
using fuzz::require;

namespace {

fuzz::small_ring& ring_of(std::uint8_t choice) {
    using ring::pacing_mode;
    static fuzz::small_ring rings[] = {
        fuzz::small_ring({.pacing = pacing_mode::paced, .with_log = true}),
        fuzz::small_ring({.pacing = pacing_mode::strict, .first_seq = 5000, .with_log = true}),
        fuzz::small_ring({}),
    };
    return rings[choice % std::size(rings)];
}

/// The words that members write: what stands in front of them is read when somebody attaches (header_fuzz).
constexpr std::size_t live_words = offsetof(ring::ctl_header, frontier);

class world {
public:
    explicit world(std::uint8_t choice) : ring_(&ring_of(choice)), members_(ring_->at()) {
        ring_->reset();
        batch().clear();
    }

    void step(fuzz::input& in) {
        (void)fuzz::take_clock_looks();
        switch (in.byte() % 16) {
        case 0: {
            const ring::ctl_header& page = at().ctl();
            const std::array<std::uint32_t, 3> where{page.latency_offset, page.latency_stride, page.latency_readers};
            in.patch(ring_->ctl_page().subspan(live_words));
            std::memcpy(&at().ctl().latency_offset, where.data(), sizeof where); // also read when somebody attaches
            break;
        }
        case 1: {
            const std::uint8_t choice = in.byte();
            in.patch((choice & 0x80) != 0 ? ring_->latency_bytes(choice) : ring_->entry_bytes(fuzz::known_number(choice)));
            break;
        }
        case 2: set_frontier(in); break;
        case 3: join(in); break;
        case 4: leave(in); break;
        case 5: publish(in); break;
        case 6: read(in); break;
        case 7: consume(in); break;
        case 8: fuzz::show_info(ring_->name()); break;
        case 9: look(in); break;
        case 10: pace(in); break;
        case 11: wait(in); break;
        case 12: watch_members(in); break;
        case 13:
            recorder_ = ring::held_byte(); // one recorder at a time
            fuzz::record_once(ring_->bus(), ring::find_head(at()));
            break;
        case 14: fuzz::pass_time(std::int64_t{in.number<std::uint16_t>()} * 10'000); break;
        default: hold_recorder(in); break;
        }
        require(fuzz::take_clock_looks() < 20'000, "no call asks the time for ever");
    }

private:
    static constexpr std::size_t hands = 3;

    [[nodiscard]] const ring::attachment& at() const { return ring_->at(); }
    static log::batch& batch() {
        static log::batch kept;
        return kept;
    }
    publisher& pen(std::size_t n) {
        if (!pens_[n])
            pens_[n].emplace(ring_->bus(), publisher_options{.name = "pen", .on_notice = [](const notice&) {}});
        const std::uint16_t number = to_u16(pens_[n]->number());
        require(number >= 1 && number <= max_publishers, "a publisher's number is one");
        return *pens_[n];
    }
    void set_frontier(fuzz::input& in) {
        ring::frontier_words& f = at().ctl().frontier;
        const std::uint64_t word =
            in.byte() % 2 == 0
                ? in.word()
                : ring::find_head(at()) + static_cast<std::uint64_t>(std::int64_t{in.number<std::int8_t>()});
        switch (in.byte() % 6) {
        case 0: f.written.store(word); break;
        case 1: f.durable.store(word); break;
        case 2: f.captured.store(word); break;
        case 3: f.generation.store(word); break;
        case 4: f.state.store(static_cast<std::uint32_t>(word)); break;
        default:
            at().ctl().verdict.verdict.store(in.byte() % 2 == 0 ? word : ring::pack_verdict(f.generation, f.written));
            break;
        }
    }
    void join(fuzz::input& in) {
        std::optional<ring::membership>& place = places_[in.below(hands)];
        place.reset();
        const auto kind = static_cast<ring::member_kind>(1 + in.below(5));
        place.emplace(ring_->attachment(), kind, "somebody");
        const ring::member_info seen = ring::read_member(at(), place->number());
        require(seen.joined && seen.kind == kind && seen.name == "somebody" && seen.incarnation == place->incarnation(),
                "who has joined can be read as it joined, whatever stood there before");
        require(ring::is_alive(at(), place->number()), "who has joined lives");
    }
    void leave(fuzz::input& in) {
        const std::size_t n = in.below(hands);
        switch (in.byte() % 3) {
        case 0: places_[n].reset(); break;
        case 1: pens_[n].reset(); break;
        default: readers_[n].reset(); break;
        }
    }
    void publish(fuzz::input& in) {
        static const topic to("a.b");
        publisher& by = pen(in.below(hands));
        for (std::uint8_t count = in.byte() % 16; count != 0; --count) {
            const published p = by.publish_for(std::chrono::milliseconds(in.byte() % 2 == 0 ? 0 : 60), to, "payload");
            require(p.status <= publish_status::damaged, "a publish has one of its statuses");
            require(p.status != publish_status::damaged, "what stands in ctl does not make a ring damaged");
        }
    }
    void read(fuzz::input& in) {
        std::optional<fuzz::checked_subscriber>& r = readers_[in.below(hands)];
        if (!r)
            r.emplace(ring_->bus(),
                      read_options{.from = from::oldest(), .wait = static_cast<wait_strategy>(in.byte() % 4)});
        if (in.byte() % 2 == 0) r->wait(std::chrono::microseconds(in.number<std::uint16_t>() % 30'000));
        r->drain(at().shape().slots());
    }
    void consume(fuzz::input& in) {
        if (!consumer_)
            consumer_.emplace(ring_->bus(), read_options{.from = from::oldest(), .on_notice = [](const notice&) {}});
        if (in.byte() % 2 == 0) consumer_->wait(std::chrono::microseconds(in.number<std::uint16_t>() % 30'000));
        // A recorder that seems to live is waited for, so that it need not come to the head; but it comes to rest.
        consumer_->drain(at().shape().slots());
    }
    void look(fuzz::input& in) {
        const ring::member_info m = ring::read_member(at(), fuzz::known_number(in.byte()));
        require(fuzz::is_printable(m.name) && m.name.size() <= ring::max_member_name, "a name is safe to show");
        require(ring::living_members(at()).size() <= member_count, "no more live than there are numbers");
        const bus on = ring_->bus();
        (void)on.frontier();
        (void)on.has_recorder();
    }
    void pace(fuzz::input& in) {
        ring::pacer p(at());
        const seq_t t = in.byte() % 2 == 0 ? in.word() : ring::find_head(at());
        (void)p.may_claim(t);
        for (int i = 0; i < 4; ++i)
            (void)p.watch(detail::steady_ns() + i * std::int64_t{in.number<std::uint16_t>()} * 10'000, i == 0);
        (void)p.may_claim(t);
    }
    void wait(fuzz::input& in) {
        const bus on = ring_->bus();
        const seq_t seq = in.byte() % 2 == 0 ? in.word() : on.head();
        const auto limit = std::chrono::microseconds(in.number<std::uint16_t>());
        const bool written = on.wait_written(seq, limit);
        require(written == (on.frontier().written >= seq), "a wait for the frontier says where it stands");
        (void)on.wait_durable(seq, limit);
    }
    void watch_members(fuzz::input& in) {
        const publisher_id who{fuzz::known_number(in.byte() % 32),
                               static_cast<std::uint16_t>(in.number<std::uint16_t>() | 1U)};
        switch (in.byte() % 4) {
        case 0:
            require(members_.introduce(who, batch()), "a batch has room for a few names");
            require(members_.knows(who), "who was introduced is known");
            break;
        case 1: members_.look(); break;
        case 2:
            require(members_.say_goodbyes(ring::find_head(at()), batch()), "a batch has room for a few names");
            break;
        default: members_.forget(); break;
        }
    }
    void hold_recorder(fuzz::input& in) {
        if (in.byte() % 2 == 0)
            recorder_ = ring::held_byte();
        else if (!recorder_)
            recorder_ = ring::held_byte::try_take(at().ctl_name(), ring::recorder_lock_byte);
    }

    fuzz::small_ring* ring_;
    recorder::member_watch members_;
    std::array<std::optional<ring::membership>, hands> places_;
    std::array<std::optional<publisher>, hands> pens_;
    std::array<std::optional<fuzz::checked_subscriber>, hands> readers_;
    std::optional<fuzz::checked_consumer> consumer_;
    ring::held_byte recorder_;
};

constexpr std::size_t most_steps = 48;

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::input in(data, size);
    world w(in.byte());
    for (std::size_t i = 0; i < most_steps && !in.empty(); ++i) w.step(in);
    return 0;
}

std::vector<fuzz::bytes> fuzz::seeds() {
    std::vector<bytes> all;
    for (unsigned ring = 0; ring < 3; ++ring) {
        writer w; // somebody joins, publishes, reads and consumes; everybody is shown
        w.byte(ring)
            .byte(3)
            .byte(0)
            .byte(0)
            .byte(5)
            .byte(0)
            .byte(3)
            .byte(0)
            .byte(1)
            .byte(0)
            .byte(6)
            .byte(0)
            .byte(3)
            .byte(1);
        w.byte(7).byte(1).byte(8);
        const auto more = [&] { return writer().append(w.done()); };
        all.push_back(more().byte(0).half(320).stretch("\xff\xff\xff\xff").byte(8).byte(3).byte(1).byte(1).done());
        all.push_back(more()
                          .byte(1)
                          .byte(0)
                          .half(0)
                          .stretch("\x01\xff\xff\xff")
                          .byte(3)
                          .byte(0)
                          .byte(0)
                          .byte(9)
                          .byte(0)
                          .byte(8)
                          .done());
        all.push_back(more()
                          .byte(1)
                          .byte(2)
                          .half(0)
                          .stretch("\x01\x01")
                          .byte(1)
                          .byte(2)
                          .half(16)
                          .stretch("\x1b[31mname\xff\xfe")
                          .byte(8)
                          .byte(9)
                          .byte(2)
                          .done());
        // A reader's counts, and the recorder's.
        all.push_back(more().byte(1).byte(0x80 | 0x20).half(56).stretch("\xff\xff\xff\xff\xff\xff\xff\xff").byte(8).byte(6).byte(0).byte(0).half(9).byte(8).done());
        all.push_back(more().byte(13).byte(1).byte(0x81).half(100).stretch("\xff\xff\xff\xff\xff\xff\xff\xff").byte(8).done());
        all.push_back(more()
                          .byte(2)
                          .byte(0)
                          .word(~std::uint64_t{0})
                          .byte(0)
                          .byte(5)
                          .byte(1)
                          .byte(2)
                          .byte(1)
                          .byte(1)
                          .byte(11)
                          .byte(1)
                          .half(9)
                          .done());
        all.push_back(more()
                          .byte(15)
                          .byte(1)
                          .byte(2)
                          .byte(0)
                          .word(0)
                          .byte(0)
                          .byte(5)
                          .byte(0)
                          .byte(15)
                          .byte(1)
                          .byte(10)
                          .byte(1)
                          .byte(7)
                          .byte(1)
                          .done());
        all.push_back(more()
                          .byte(13)
                          .byte(8)
                          .byte(12)
                          .byte(1)
                          .half(1)
                          .byte(0)
                          .byte(12)
                          .byte(0)
                          .half(0)
                          .byte(1)
                          .byte(12)
                          .byte(0)
                          .half(0)
                          .byte(2)
                          .done());
        all.push_back(more()
                          .byte(0)
                          .half(128 + 4 - 64)
                          .stretch("\xff\xff\xff\xff")
                          .byte(6)
                          .byte(0)
                          .byte(0)
                          .half(20000)
                          .byte(5)
                          .byte(0)
                          .byte(1)
                          .done());
    }
    return all;
}
