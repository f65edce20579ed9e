// A small ring in use while somebody writes over it: slot words, frames, tail and clock, between the steps of real
// publishers, readers, a recorder and who retires the ring. Whatever he writes, statuses are statuses, accounts add
// up, calls return, and nobody touches a byte outside.
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/reading.hpp"
#include "tests/fuzz/recorder_pass.hpp"
#include "tests/fuzz/seams.hpp"
#include "tests/fuzz/small_ring.hpp"

#include <evbus/publisher.hpp>
#include <evbus/ring/retire.hpp>

#include <algorithm>
#include <array>
#include <optional>

using namespace evbus;
using fuzz::require;

namespace {

fuzz::small_ring& ring_of(std::uint8_t choice) {
    using ring::pacing_mode;
    using ring::stamp_mode;
    static fuzz::small_ring rings[] = {
        fuzz::small_ring({}),
        fuzz::small_ring({.slot_bytes = 256, .stamps = stamp_mode::counter, .first_seq = 1000}),
        fuzz::small_ring({.slot_bytes = 256, .pacing = pacing_mode::paced, .with_log = true}),
        fuzz::small_ring({.pacing = pacing_mode::strict, .first_seq = (seq_t{1} << 63) - 5, .with_log = true}),
    };
    return rings[choice % std::size(rings)];
}

class world {
public:
    explicit world(std::uint8_t choice) : ring_(&ring_of(choice)) { ring_->reset(); }

    void step(fuzz::input& in) {
        (void)fuzz::take_clock_looks();
        switch (in.byte() % 20) {
        case 0: publish(in, in.byte() % 100); break;
        case 1: publish(in, in.number<std::uint16_t>() % 1500); break;
        case 2: publish_with_headers(in); break;
        case 3: reader(in).poll(limits(in)); break;
        case 4: reader(in).wait(std::chrono::microseconds(in.number<std::uint16_t>() % 30'000)); break;
        case 5: reader(in).drain(slots()); break;
        case 6: use_consumer(in); break;
        case 7: set_word(in); break;
        case 8: set_words(in); break;
        case 9: in.patch(ring_->slot_bytes(in.byte())); break;
        case 10: in.patch(ring_->live_ring_bytes()); break;
        case 11: set_tail(in); break;
        case 12: set_clock(in); break;
        case 13: set_frontier(in); break;
        case 14: look(); break;
        case 15: (void)ring::retire(at(), std::chrono::milliseconds(in.byte() % 32)); break;
        case 16: fuzz::pass_time(std::int64_t{in.number<std::uint16_t>()} * 100'000); break;
        case 17: fuzz::record_once(ring_->bus(), std::max(start_seq(in), at().first_seq())); break;
        case 18: forget(in); break;
        default: ring::clock_keeper::maintain(at().ring().clock, in.number<std::uint16_t>()); break;
        }
        require(fuzz::take_clock_looks() < 20'000, "no call asks the time for ever");
    }

private:
    static constexpr std::size_t hands = 3;

    [[nodiscard]] const ring::attachment& at() const { return ring_->at(); }
    [[nodiscard]] std::uint64_t slots() const { return at().shape().slots(); }

    publisher& pen(fuzz::input& in) {
        std::optional<publisher>& p = pens_[in.below(hands)];
        if (!p) p.emplace(ring_->bus(), publisher_options{.name = "pen", .on_notice = [](const notice&) {}});
        return *p;
    }
    void check(const published& p) {
        require(p.status <= publish_status::damaged && p.status != publish_status::forked,
                "a publish has one of its statuses");
        // Not the reverse: a tail at the end of all seqs leads a publisher round to 0.
        require(p.seq == no_seq || p.status == publish_status::published, "only an event that was published has a seq");
    }
    void publish(fuzz::input& in, std::size_t bytes) {
        static const std::array<topic, 4> topics{topic("a"), topic("a.b"), topic("$own.topic"),
                                                 topic("a.topic.that.is.quite.long.for.so.small.a.slot")};
        static const std::string payload(1500, 'p');
        publisher& by = pen(in);
        const topic& to = topics[in.below(topics.size())];
        const std::string_view what(payload.data(), bytes);
        check(in.byte() % 4 == 0 ? by.publish_for(std::chrono::milliseconds(20), to, what) : by.try_publish(to, what));
    }
    void publish_with_headers(fuzz::input& in) {
        static const topic to("a.h");
        publisher& by = pen(in);
        if (in.byte() % 2 == 0) {
            static const headers some{{"type", "t"}, {"k", "v"}};
            check(by.try_publish(to, "with headers", {.headers = some}));
        } else { // a block that is none, perhaps
            const std::span<const std::uint8_t> raw = in.stretch();
            check(by.try_publish(to, "", {.headers = headers_view(std::as_bytes(raw))}));
        }
    }
    [[nodiscard]] read_options how_to_read(fuzz::input& in) {
        read_options how{.on_notice = [](const notice&) {}};
        switch (in.byte() % 6) {
        case 0: how.from = from::head(); break;
        case 1: how.from = from::oldest(); break;
        case 2: how.from = from::seq(start_seq(in)); break;
        case 3: how.from = from::time_ns(static_cast<std::int64_t>(in.word())); break;
        case 4:
            how.filters = {"a.b", "a.h"};
            how.from = from::oldest();
            break;
        default:
            how.filters = {"a.>", "*"};
            how.exclude = {"a.h"};
            how.from = from::oldest();
            break;
        }
        how.wait = static_cast<wait_strategy>(in.byte() % 4);
        return how;
    }
    [[nodiscard]] seq_t start_seq(fuzz::input& in) const {
        const auto away = static_cast<std::uint64_t>(std::int64_t{in.number<std::int16_t>()});
        const seq_t s = ring::find_head(at()) + away;
        return s == no_seq ? 1 : s;
    }
    fuzz::checked_subscriber& reader(fuzz::input& in) {
        const std::size_t n = in.below(hands);
        std::optional<fuzz::checked_subscriber>& r = readers_[n];
        while (!r) {
            try {
                r.emplace(n == 0 ? bus::observe(ring_->name()) : ring_->bus(), how_to_read(in));
            } catch (const error& e) {
                require(e.kind() == errc::bad_option, "only a start that cannot be is refused");
            }
        }
        return *r;
    }
    void use_consumer(fuzz::input& in) {
        if (!consumer_) {
            try {
                consumer_.emplace(ring_->bus(), how_to_read(in));
            } catch (const error& e) {
                require(e.kind() == errc::bad_option, "only a start that cannot be is refused");
                return;
            }
        }
        switch (in.byte() % 3) {
        case 0: (void)consumer_->poll(limits(in)); break;
        case 1: consumer_->wait(std::chrono::microseconds(in.number<std::uint16_t>() % 30'000)); break;
        default: consumer_->drain(slots()); break;
        }
    }
    [[nodiscard]] static poll_limits limits(fuzz::input& in) {
        const std::uint8_t how = in.byte();
        return {.max_events = how % 16 == 15 ? std::size_t{256} : how % std::size_t{16},
                .max_bytes = (how & 16) != 0 ? std::size_t{100} : std::size_t{64} << 20};
    }

    // What the broken one does.
    void set_word(fuzz::input& in) {
        const seq_t near = ring::find_head(at()) + static_cast<std::uint64_t>(std::int64_t{in.number<std::int8_t>()});
        at().slot(near)->store(fuzz::read_slot_word(in, at().shape(), near).bits());
    }
    void set_words(fuzz::input& in) {
        const seq_t head = ring::find_head(at());
        const ring::slot_word w = fuzz::read_slot_word(in, at().shape(), head);
        const std::uint64_t step = std::uint64_t{in.byte()} % 8 + 1;
        const std::uint64_t laps_each = in.byte();
        for (std::uint64_t i = 0; i < slots(); i += step) at().slot(head + i)->store(w.bits() + (i * laps_each << 16));
    }
    void set_tail(fuzz::input& in) {
        const std::uint64_t t = in.byte() % 2 == 0 ? in.word() : start_seq(in);
        at().ring().tail.store(t);
    }
    void set_clock(fuzz::input& in) {
        ring::clock_table& table = at().ring().clock;
        if (in.byte() % 4 == 0) table.writer.store(in.word());
        const std::uint64_t count = in.byte() % 4 == 0 ? in.word() : table.count.load() + in.byte() % 3;
        ring::clock_piece& p = table.pieces[(count - 1) % ring::clock_pieces];
        p.begin_ticks.store(in.word());
        p.base_ns.store(in.word());
        p.ns_per_tick.store(in.word());
        p.check.store(in.byte() % 8 == 0 ? in.word()
                                         : ring::piece_check(count - 1, p.begin_ticks, p.base_ns, p.ns_per_tick));
        table.count.store(count);
    }
    void set_frontier(fuzz::input& in) {
        ring::frontier_words& f = at().ctl().frontier;
        switch (in.byte() % 4) {
        case 0: f.written.store(in.word()); break;
        case 1: f.written.store(start_seq(in)); break;
        case 2: f.generation.store(in.word()); break;
        default: at().ctl().verdict.verdict.store(ring::pack_verdict(f.generation, f.written)); break;
        }
    }
    void look() {
        const bus on = ring_->bus();
        (void)on.head();
        (void)on.is_retired();
        (void)on.frontier();
        (void)on.wait_written(on.head(), std::chrono::milliseconds(1));
        (void)ring::head_by_scan(at());
    }
    /// A handle goes; in one of two cases its owner died, for all that others can see.
    void forget(fuzz::input& in) {
        const std::size_t n = in.below(hands);
        if (in.byte() % 2 == 0)
            readers_[n].reset();
        else if (pens_[n]) {
            ring::member_entry& e = at().member(pens_[n]->number());
            pens_[n].reset();
            if (in.byte() % 2 == 0) e.state.store(static_cast<std::uint8_t>(ring::member_state::joined));
        }
    }

    fuzz::small_ring* ring_;
    std::array<std::optional<publisher>, hands> pens_;
    std::array<std::optional<fuzz::checked_subscriber>, hands> readers_;
    std::optional<fuzz::checked_consumer> consumer_;
};

constexpr std::size_t most_steps = 64;

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::input in(data, size);
    world w(in.byte());
    for (std::size_t i = 0; i < most_steps && !in.empty(); ++i) w.step(in);
    return 0;
}

std::vector<fuzz::bytes> fuzz::seeds() {
    std::vector<bytes> all;
    for (unsigned ring = 0; ring < 4; ++ring) {
        // A reader from the oldest, two publishers, large events, a filter; then each kind of nonsense and again.
        writer w;
        w.byte(ring).byte(3).byte(1).byte(1).byte(3).byte(15);
        for (unsigned i = 0; i < 6; ++i) w.byte(0).byte(10 * i).byte(i).byte(i).byte(1);
        w.byte(1).half(600).byte(0).byte(0).byte(1).byte(2).byte(1).byte(0).byte(5).byte(1);
        all.push_back(writer().append(w.done()).byte(6).byte(1).byte(0).byte(2).byte(17).half(0).byte(14).done());
        all.push_back(writer()
                          .append(w.done())
                          .byte(7)
                          .byte(0xff)
                          .byte(0x09)
                          .byte(0)
                          .byte(4)
                          .byte(1)
                          .half(20000)
                          .byte(5)
                          .byte(1)
                          .done());
        all.push_back(writer()
                          .append(w.done())
                          .byte(7)
                          .byte(0)
                          .byte(0x42)
                          .byte(1)
                          .byte(0)
                          .byte(5)
                          .byte(0)
                          .byte(0)
                          .byte(1)
                          .byte(5)
                          .byte(1)
                          .done());
        all.push_back(writer()
                          .append(w.done())
                          .byte(8)
                          .byte(0x02)
                          .byte(1)
                          .byte(0)
                          .byte(1)
                          .byte(5)
                          .byte(1)
                          .byte(17)
                          .half(0)
                          .done());
        all.push_back(writer()
                          .append(w.done())
                          .byte(11)
                          .byte(0)
                          .word(~std::uint64_t{0})
                          .byte(14)
                          .byte(0)
                          .byte(1)
                          .byte(2)
                          .byte(0)
                          .byte(1)
                          .done());
        all.push_back(
            writer().append(w.done()).byte(15).byte(50).byte(0).byte(1).byte(0).byte(0).byte(1).byte(5).byte(1).done());
        all.push_back(writer()
                          .append(w.done())
                          .byte(9)
                          .byte(1)
                          .half(24)
                          .stretch("\xff\xff")
                          .byte(5)
                          .byte(2)
                          .byte(1)
                          .byte(0)
                          .done());
    }
    return all;
}
