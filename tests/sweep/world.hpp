// One case of a sweep on the ring: a bus, its witnesses, a victim in one role, one fault, and what has to
// hold afterwards. sweep(role, faults) counts which probes a role reaches and strikes each of them.
#pragma once

#include "tests/sweep/witnesses.hpp"

namespace sweep_test {

/// Numbers that a newcomer gets while the witnesses live: theirs are the ones below.
inline constexpr std::uint16_t victim_publisher_no = 3;
inline constexpr std::uint16_t victim_reader_no = 4097;
/// Names of authors in events.
inline constexpr std::uint32_t author_a = 1, author_b = 2, author_victim = 3, author_other = 4, author_heir = 5;

/// What a publisher does at its probes alone; joining and leaving has a test of its own.
[[nodiscard]] inline bool is_publishing(probe p) { return p < probe::join_locked || p > probe::left; }

class world {
public:
    explicit world(const bus_shape& shape = {})
        : t(shape),
          a(t.bus(), author_a, book),
          b(t.bus(), author_b, book),
          member(t.bus(), "witness", book, wrong),
          looker(bus::observe(t.name()), "observer", book, wrong) {
        book.of(author_victim).page = &*page;
        book.of(author_other).page = &*other_page;
    }

    /// One event each, unless the readers are behind; then a look by each reader and by the recorder.
    void step() {
        if (lag() < t.at().shape().slots() / 2) {
            a.publish(!recorder);
            b.publish(!recorder);
        }
        look();
    }
    void look() {
        member.look();
        looker.look();
        if (recorder) recorder->wrote(member.sub.next() - 1); // a recorder without patience of its own
    }
    /// `events` more by the witnesses, and all of them read.
    void go_on(std::uint64_t events) {
        const std::uint64_t target = progress() + events;
        while (progress() < target) step();
        const seq_t head = ring::find_head(t.at());
        while (member.sub.next() < head || looker.sub.next() < head) look();
    }
    /// `events` more by the witnesses, while no reader looks: who needs a slot has to help itself.
    void go_round(std::uint64_t events) {
        const std::uint64_t target = progress() + events;
        while (progress() < target) {
            a.publish(!recorder);
            b.publish(!recorder);
            if (recorder) look(); // nothing goes round before it is recorded
        }
    }
    [[nodiscard]] std::uint64_t progress() const { return a.count() + b.count(); }
    [[nodiscard]] std::uint64_t laps(std::uint64_t n) const { return n * t.at().shape().slots(); }
    [[nodiscard]] std::uint64_t notices(notice_kind kind) const {
        return t.at().ctl().notices[static_cast<std::size_t>(kind)].load();
    }

    /// Unfinished words that stand under `number`.
    [[nodiscard]] std::size_t words_of(std::uint16_t number) const {
        std::size_t found = 0;
        for (seq_t i = 0; i < t.at().shape().slots(); ++i) {
            const slot_word w = t.word(i);
            const bool is_unfinished = w.phase() == phase::writing || w.phase() == phase::stalled;
            if (to_u16(w.owner()) == number && is_unfinished) ++found;
        }
        return found;
    }

    /// Ends the other process: kills it, or lets it go on to its end.
    void end_other(bool kill) {
        if (!other) return;
        if (kill) {
            other->kill();
            ++deaths;
        } else {
            if (other->now() == victim::state::stopped) other->go_on();
            while (other->runs()) step();
            if (other->now() == victim::state::ended)
                wrong.same(other->code(), 0, "the exit code of the other process");
        }
    }
    /// After the victim's end: its number, its slots and its sleepers' flag come back, and the accounts close.
    void check_aftermath(bool publishes) {
        if (publishes) {
            witness_publisher heir(t.bus(), author_heir, book);
            wrong.same(to_u16(heir.pen.number()), victim_publisher_no, "the number that a new publisher gets");
            wrong.same(words_of(victim_publisher_no), 0U, "slots that the dead left to the heir of its number");
            for (int i = 0; i < 8; ++i) {
                while (!heir.publish(!recorder) && heir.status == publish_status::would_block) look();
                wrong.expect(heir.status == publish_status::published,
                             std::string("the heir was told: ") + to_string(heir.status));
                look();
            }
        } else {
            const subscriber heir(t.bus());
            wrong.same(to_u16(heir.number()), victim_reader_no, "the number that a new reader gets");
        }
        go_on(laps(1));
        for (seq_t i = 0; i < t.at().shape().slots(); ++i)
            wrong.expect(t.word(i).phase() == phase::committed, "slot " + std::to_string(i) + " did not come back");
        wrong.same(t.at().ctl().data_bell.sleepers.load(), 0U, "the sleepers' flag of the data bell");
        // Who was killed after it gave a slot back did not come to say so.
        const std::uint64_t said =
            page->given_back.load() + other_page->given_back.load() + a.pen.given_back() + b.pen.given_back();
        wrong.expect(notices(notice_kind::given_back) >= said && notices(notice_kind::given_back) <= said + deaths,
                     "ctl counts " + std::to_string(notices(notice_kind::given_back)) + " given back, the handles " +
                         std::to_string(said));
        // What the ring holds now, as somebody sees it who comes only now.
        witness_reader late(t.bus(), "late reader", book, wrong);
        while (late.sub.next() < ring::find_head(t.at())) late.look();
        for (witness_reader* r : {&member, &looker, &late}) r->close_account();
    }

    test_bus t;
    shared_page page, other_page; ///< the victim's; the other's
    std::uint64_t deaths = 0;     ///< of publishers that may have had more to say
    ledger book;
    complaints wrong;
    std::optional<fake_recorder> recorder;
    std::optional<victim> other; ///< a second process of the scene: an owner in mid-write, a sleeper
    witness_publisher a, b;
    witness_reader member, looker; ///< one may write the ring, one may not

private:
    [[nodiscard]] std::uint64_t lag() const {
        const seq_t slowest = std::min(member.sub.next(), looker.sub.next());
        return ring::find_head(t.at()) - slowest;
    }
};

/// What a victim does for a living.
struct role {
    std::string name;
    std::function<int(const std::string& bus, const shared_page&)> life;
    bus_shape shape{};
    bool publishes = true;                ///< joins as a publisher; else as a reader
    std::size_t frames = 1;               ///< of its largest event: voids that one end may cost
    std::optional<strike> pause{};        ///< it is stopped there and lapped once before anything else
    std::function<void(world&)> before{}; ///< the scene, before the victim is there
    std::function<void(world&, const victim&)> meanwhile{}; ///< instead of step(), while it runs
    std::function<void(world&, const strike&)> struck{};    ///< what has to stand right after the strike
    std::function<void(world&)> after{};                    ///< the end of the scene, before what has to hold in each
};

/// Steps between which a slot is claimed and neither committed nor given up.
[[nodiscard]] inline bool holds_a_slot(probe p) {
    return p == probe::claim_done || p == probe::header_stored || p == probe::topic_stored ||
           p == probe::frame_stored || p == probe::place_opened || p == probe::abandon_chosen;
}

struct case_result {
    bool struck = false;
    complaints wrong;
};

/// The whole life of one victim. Without `at` nothing happens to it.
inline case_result run_case(const role& r, const std::optional<strike>& at,
                            std::array<std::uint64_t, probe_count>* hits = nullptr) {
    world w(r.shape);
    if (r.before) r.before(w);
    const auto meanwhile = [&](const victim& v) { r.meanwhile ? r.meanwhile(w, v) : w.step(); };
    victim v(
        w.page, at, [&] { return r.life(w.t.name(), w.page); }, r.pause);
    if (r.pause) {
        while (v.runs()) meanwhile(v);
        w.wrong.expect(v.now() == victim::state::stopped, "it did not come to its pause");
        w.go_round(w.laps(1) + 1);
        v.go_on();
    }
    while (v.runs()) meanwhile(v);
    case_result out;
    out.struck = v.was_struck();
    const std::uint64_t voids_before = w.member.sub.losses().voids, gave_back = w.notices(notice_kind::given_back);
    if (out.struck && r.struck) r.struck(w, *at);
    if (out.struck) {
        switch (at->what) {
        case fault::killed:
            w.go_on(w.laps(2));
            if (r.publishes && r.frames == 1 && holds_a_slot(at->at))
                w.wrong.expect(
                    !w.member.was_given(author_victim, static_cast<std::uint32_t>(w.page->started.load() - 1)),
                    "an event whose publisher died in it was given");
            if (!r.pause)
                w.wrong.expect(w.member.sub.losses().voids - voids_before <= r.frames,
                               "one end cost more than one event");
            break;
        case fault::killed_lap: w.go_round(w.laps(2)); break;
        case fault::stopped: w.go_on(w.laps(1) / 2); break;
        case fault::lapped:
        case fault::for_ever: w.go_round(w.laps(10) + 1); break;
        }
        if (at->what == fault::for_ever) v.kill();
        if (v.now() == victim::state::stopped) {
            v.go_on();
            while (v.runs()) meanwhile(v);
        }
    }
    if (v.now() == victim::state::ended) {
        w.wrong.same(v.code(), 0, "the exit code of who was let live");
        w.wrong.same(w.page->told.load(), w.page->started.load(), "events that it was told are published");
        if (out.struck && holds_a_slot(at->at) && at->at != probe::abandon_chosen)
            w.wrong.expect(w.notices(notice_kind::given_back) > gave_back, "it was stepped over and does not say so");
    }
    if (v.now() == victim::state::killed) ++w.deaths;
    if (r.after) r.after(w);
    w.check_aftermath(r.publishes);
    sweep_table::instance().reached(*w.page);
    if (hits != nullptr)
        for (std::size_t p = 0; p < probe_count; ++p) (*hits)[p] = w.page->hits[p].load();
    out.wrong = w.wrong;
    return out;
}

/// Counts the probes of a role, then strikes each of them with each fault. `only` bounds the probes.
inline void sweep(const role& r, std::span<const fault> faults = all_faults,
                  const std::function<bool(probe)>& only = {}) {
    std::array<std::uint64_t, probe_count> hits{};
    const case_result counted = run_case(r, std::nullopt, &hits);
    CHECK_MESSAGE(counted.wrong.none(), r.name, ", let alone:", counted.wrong.text());
    std::size_t struck = 0;
    for (std::size_t p = 0; p < probe_count; ++p) {
        const auto at = static_cast<probe>(p);
        if (only && !only(at)) continue;
        for (const std::uint64_t before : places_among(hits[p]))
            for (const fault f : faults) {
                const strike s{at, f, before};
                const case_result seen = run_case(r, s);
                // How often a reader looks depends on the machine: only the first time is promised.
                if (before == 0) CHECK_MESSAGE(seen.struck, r.name, " was not ", text_of(s));
                CHECK_MESSAGE(seen.wrong.none(), r.name, " ", text_of(s), ":", seen.wrong.text());
                if (seen.struck) sweep_table::instance().count(r.name, at, to_string(f), seen.wrong.none());
                struck += seen.struck ? 1 : 0;
            }
    }
    CHECK(struck > 0);
}

} // namespace sweep_test
