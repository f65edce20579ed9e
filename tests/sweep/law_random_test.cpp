// The sum law at random: buses of random shape and pacing, on which random members are killed and stopped
// at random probes, and go on or do not. EVBUS_ROUNDS=10000 runs many more; EVBUS_SEED=N EVBUS_ROUNDS=1
// makes the choices of one run again.
#include "tests/support/random.hpp"
#include "tests/sweep/world.hpp"

#include <evbus/ring/retire.hpp>

using namespace sweep_test;
using namespace std::chrono_literals;

namespace {

enum class trade { small, large, batches, in_place, comes_and_goes, reads, observes };

/// One run, all of whose choices come from its seed.
class random_run {
public:
    random_run(std::uint64_t seed, complaints& wrong)
        : dice_(seed),
          shape_(random_shape()),
          t_(shape_),
          a_(t_.bus(), author_a, book_),
          member_(t_.bus(), "member", book_, wrong),
          looker_(bus::observe(t_.name()), "observer", book_, wrong),
          wrong_(&wrong) {
        if (shape_.pacing == ring::pacing_mode::strict || (shape_.pacing == ring::pacing_mode::paced && one_in(2)))
            recorder_.emplace(t_);
    }
    /// What happened, for the totals.
    struct totals {
        std::uint64_t events = 0, kills = 0, stops = 0;
    };
    totals run() {
        const std::size_t count = 1 + below(4);
        for (std::size_t i = 0; i < count; ++i) start_member(i);
        while (any([](member& m) { return !m.over(); })) {
            step();
            for (member& m : members_) attend(m);
        }
        finish();
        return {member_.sub.losses().events, kills_, stops_};
    }

private:
    struct member {
        std::unique_ptr<shared_page> page = std::make_unique<shared_page>();
        trade what;
        std::optional<victim> process{};
        std::uint64_t rest = 0;  ///< steps until a stopped one is attended to
        std::uint64_t lives = 0; ///< times it may go on
        [[nodiscard]] bool over() const {
            return process->now() == victim::state::killed || process->now() == victim::state::ended;
        }
    };

    std::size_t below(std::size_t n) { return static_cast<std::size_t>(dice_() % n); }
    bool one_in(std::size_t n) { return below(n) == 0; }
    bus_shape random_shape() {
        bus_shape s;
        s.slots = std::uint64_t{64} << below(3);
        s.slot_bytes = static_cast<std::uint32_t>(128 + 64 * below(3));
        s.pacing = static_cast<ring::pacing_mode>(below(3));
        s.stamps = one_in(2) ? ring::stamp_mode::none : ring::stamp_mode::wall_ns;
        s.first_seq = one_in(2) ? 1 : 1 + below(1'000'000);
        s.stall_limit_ns = one_in(2) ? 1'000'000 : 3'600'000'000'000;
        return s;
    }
    /// Any step of the ring; the recorder's and the consumer's have sweeps of their own.
    probe random_probe() {
        return static_cast<probe>(static_cast<std::size_t>(probe::attach_opened) +
                                  below(static_cast<std::size_t>(probe::read_void_proven) -
                                        static_cast<std::size_t>(probe::attach_opened) + 1));
    }
    std::optional<strike> random_strike(trade what) {
        if (one_in(5)) return std::nullopt;
        // Mostly where its trade leads it often; now and then anywhere.
        constexpr std::array written = {probe::claim_chosen,  probe::claim_done,      probe::header_stored,
                                        probe::topic_stored,  probe::frame_stored,    probe::commit_done,
                                        probe::tail_stored,   probe::position_stored, probe::fragment_sent,
                                        probe::join_locked,   probe::join_entered,    probe::place_opened,
                                        probe::leave_entered, probe::stall_done,      probe::step_over_done};
        constexpr std::array read = {probe::read_copied,     probe::sleep_flagged, probe::sleep_over,
                                     probe::join_entered,    probe::reap_done,     probe::stall_chosen,
                                     probe::read_void_proven};
        const bool reader = what == trade::reads || what == trade::observes;
        const probe at = one_in(4) ? random_probe()
                         : reader  ? read[below(read.size())]
                                   : written[below(written.size())];
        return strike{at, one_in(2) ? fault::killed : fault::stopped, below(one_in(2) ? 3 : 20)};
    }
    void start_member(std::size_t i) {
        member& m = members_.emplace_back();
        m.what = static_cast<trade>(below(7));
        m.lives = below(4);
        const std::uint32_t who = 10 + static_cast<std::uint32_t>(i);
        book_.of(who).page = &**m.page;
        const std::uint32_t events = 20 + 5 * static_cast<std::uint32_t>(below(12));
        m.process.emplace(*m.page, random_strike(m.what), [&] { return live(m, who, events); });
    }

    int live(const member& m, std::uint32_t who, std::uint32_t events) const {
        const shared_page& page = *m.page;
        switch (m.what) {
        case trade::reads:
        case trade::observes: return read(m);
        case trade::comes_and_goes:
            for (std::uint32_t n = 0; n < events; n += 10) {
                publisher pen(bus::open(t_.name()), {.name = "member"});
                publish_on_page(pen, page, who, 10, small_size);
            }
            break;
        case trade::in_place: write_in_place(page, who, events); break;
        case trade::batches: publish_batches(page, who, events); break;
        default: {
            publisher pen(bus::open(t_.name()), {.name = "member"});
            publish_on_page(pen, page, who, events, m.what == trade::large ? large_size : small_size);
        }
        }
        return page->refused.load() == 0 ? 0 : 2;
    }
    int read(const member& m) const {
        const bus on = m.what == trade::reads ? bus::open(t_.name()) : bus::observe(t_.name());
        test_reader r(on, {.from = from::oldest(), .spin = 0ns});
        bool whole = true;
        while ((*m.page)->note[1].load() == 0) {
            (void)r.sub.wait(2ms);
            r.sub.poll([&](const event& e) {
                std::uint32_t author = 0, n = 0;
                whole = whole && self_checking::read(e.text(), author, n);
            });
        }
        return !whole ? 3 : r.law_holds() ? 0 : 4;
    }
    void write_in_place(const shared_page& page, std::uint32_t who, std::uint32_t events) const {
        publisher pen(bus::open(t_.name()), {.name = "member"});
        const topic to("w." + std::to_string(who));
        for (std::uint32_t n = 0; n < events; ++n) {
            const std::string text = self_checking::make(who, n, small_size(n));
            page->started.store(n + 1);
            slot_writer in = pen.claim(to, text.size());
            const published r = in.put(text) ? in.commit() : published{};
            if (r)
                page->seq[n].store(r.seq);
            else
                page->refused.fetch_add(1);
        }
    }
    void publish_batches(const shared_page& page, std::uint32_t who, std::uint32_t events) const {
        publisher pen(bus::open(t_.name()), {.name = "member"});
        const topic to("w." + std::to_string(who));
        for (std::uint32_t n = 0; n < events; n += 5) {
            std::vector<std::string> texts;
            for (std::uint32_t k = n; k < n + 5; ++k) texts.push_back(self_checking::make(who, k, small_size(k)));
            std::vector<outgoing> all;
            for (const std::string& text : texts) all.emplace_back(to, std::string_view(text));
            page->started.store(n + 5);
            if (const published_batch r = pen.publish_batch(all))
                page->seq[n + 4].store(r.last);
            else
                page->refused.fetch_add(1);
        }
    }

    /// The witnesses' part: some events, some looks, and the recorder as far as the member is.
    void step() {
        for (std::size_t i = below(4); i > 0; --i) a_.publish(!recorder_);
        if (one_in(2)) member_.look();
        if (one_in(2)) looker_.look();
        if (recorder_) recorder_->wrote(member_.sub.next() - 1);
        if (recorder_ && shape_.pacing == ring::pacing_mode::paced && one_in(500)) {
            recorder_->die();
            recorder_.reset();
        }
        if (one_in(8)) ::sched_yield();
    }
    /// Who is stopped rests for a while, then goes on, or is killed.
    void attend(member& m) {
        if (m.over()) return;
        if (m.process->runs()) {
            const bool all_publishers_done =
                !any([](member& o) { return o.what != trade::reads && o.what != trade::observes && !o.over(); });
            if (all_publishers_done) (*m.page)->note[1].store(1);
            return;
        }
        if (m.process->now() == victim::state::killed) {
            ++kills_;
        } else if (m.process->now() == victim::state::stopped) {
            if (m.rest == 0) {
                ++stops_;
                m.rest = 1 + below(one_in(4) ? 2000 : 200);
            } else if (--m.rest == 0) {
                if (m.lives == 0) {
                    m.process->kill();
                    ++kills_;
                } else {
                    m.process->go_on();
                }
            }
        } else {
            wrong_->same(m.process->code(), 0,
                         "the exit code of a member (trade " + std::to_string(static_cast<int>(m.what)) + ")");
        }
    }
    void finish() {
        {
            const publisher heir(t_.bus());
            wrong_->same(to_u16(heir.number()), 2U, "the lowest free number at the end");
        }
        for (std::uint64_t sent = 0; sent < shape_.slots;) {
            sent += a_.publish(!recorder_) ? 1U : 0U;
            read_all();
        }
        read_all();
        for (seq_t i = 0; i < shape_.slots; ++i)
            wrong_->expect(t_.word(i).phase() == phase::committed, "slot " + std::to_string(i) + " did not come back");
        witness_reader late(t_.bus(), "late reader", book_, *wrong_);
        while (late.sub.next() < ring::find_head(t_.at())) late.look();
        for (witness_reader* r : {&member_, &looker_, &late}) r->close_account();
    }
    void read_all() {
        const seq_t head = ring::find_head(t_.at());
        while (member_.sub.next() < head || looker_.sub.next() < head) {
            member_.look();
            looker_.look();
        }
        if (recorder_) recorder_->wrote(member_.sub.next() - 1);
    }
    template <class Holds>
    bool any(Holds&& holds) {
        return std::any_of(members_.begin(), members_.end(), holds);
    }

    std::mt19937_64 dice_;
    bus_shape shape_;
    test_bus t_;
    ledger book_;
    witness_publisher a_;
    witness_reader member_, looker_;
    complaints* wrong_;
    std::optional<fake_recorder> recorder_;
    std::deque<member> members_;
    std::uint64_t kills_ = 0, stops_ = 0;
};

} // namespace

TEST_CASE("sweep: the sum law, and all else that readers are promised, holds over random members with random faults") {
    evbus_test::random_source random;
    const char* const given = std::getenv("EVBUS_ROUNDS");
    const std::uint64_t runs = given != nullptr ? std::strtoull(given, nullptr, 10) : rounds<std::uint64_t>(200, 40);
    random_run::totals all;
    for (std::uint64_t run = 0; run < runs; ++run) {
        complaints wrong;
        const auto [events, kills, stops] = random_run(random.seed() + run, wrong).run();
        all = {all.events + events, all.kills + kills, all.stops + stops};
        CHECK_MESSAGE(wrong.none(), "EVBUS_SEED=", random.seed() + run, " EVBUS_ROUNDS=1:", wrong.text());
    }
    MESSAGE(runs, " runs: ", all.events, " events, ", all.kills, " members killed, ", all.stops, " stopped");
    if (runs >= 40) CHECK((all.kills > 0 && all.stops > 0));
}
