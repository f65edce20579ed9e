// Random lives of a worker: killed at any probe, within its handler or at any time, stopped for laps, with dead letters
// that come back, and whatever the handler answers: every event is handled at least once or a dead letter, in its
// topic's order, and repeats only what is announced. What is judged stands in judge.hpp.
#include "tests/worker/lives_fixture.hpp"

#include "tests/support/random.hpp"

using namespace lives_test;

namespace {

struct totals {
    std::uint64_t lives = 0, kills = 0, handled = 0, repeats = 0, dead = 0, requeued = 0;
};

/// How often a life passes each probe: strikes are drawn from what is reached, and from the same in every run, so that
/// a seed is all that a run hangs on.
class reach {
public:
    reach() {
        worker_world w({.seed = 1, .save_events = 3, .how_often = {.retry = 300, .dead = 100, .rolls_back = 20}});
        for (int life = 0; life < 3; ++life) {
            w.publish(100);
            w.requeue();
            w.live({.publish = 50});
            saw(w.page());
        }
    }
    void saw(const shared_page& page) {
        for (std::size_t p = 0; p < hits_.size(); ++p) hits_[p] = std::max(hits_[p], page->hits[p].load());
    }
    [[nodiscard]] std::optional<strike> draw(evbus_test::random_source& dice, fault what) const {
        std::vector<std::size_t> all, of_worker;
        for (std::size_t p = 0; p < hits_.size(); ++p) {
            if (hits_[p] == 0) continue;
            all.push_back(p);
            const std::string name = evbus::probe_names[p];
            if (name.starts_with("cursor_") || name.starts_with("letter") || name.starts_with("event_")) of_worker.push_back(p);
        }
        if (all.empty()) return std::nullopt;
        const std::vector<std::size_t>& from = !of_worker.empty() && !dice.one_in(4) ? of_worker : all;
        const std::size_t p = from[dice.below(from.size())];
        return strike{static_cast<probe>(p), what, dice.below(1 + dice.below(std::min<std::uint64_t>(hits_[p], 30)))}; // rather soon: lives are short
    }

private:
    std::array<std::uint64_t, sweep_test::probe_count> hits_{};
};

totals random_run(std::uint64_t seed, const reach& reached, std::string& wrong) {
    evbus_test::random_source dice(seed);
    const auto pick = [&](auto... of) {
        const std::array all{of...};
        return all[dice.below(all.size())];
    };
    worker_shape shape{.seed = dice.word()};
    shape.order = pick(order::any, order::by_topic);
    shape.save_events = pick(1u, 3u, 10u, 40u);
    shape.save_every = std::chrono::milliseconds(pick(0, 1, 20));
    shape.save_ahead = pick(0u, 0u, 15u, 300u);
    shape.attempts = pick(1u, 2u, 3u, 4u);
    shape.how_often = {.retry = pick(0u, 50u, 300u), .dead = pick(0u, 30u),
                       .throws = pick(0u, 30u), .rolls_back = pick(0u, 0u, 10u)};
    shape.topics = pick(1u, 3u, 8u);
    shape.batch = dice.one_in(3) ? pick(1u, 5u, 30u) : 0;
    worker_world w(shape);
    totals t;
    const std::size_t lives = 2 + dice.below(5);
    for (std::size_t i = 0; i < lives && w.wrong().empty(); ++i) {
        life_plan plan{.publish = dice.below(40)};
        switch (dice.below(5)) {
        case 0: plan.own_end = 1 + dice.below(30); break;
        case 1: plan.lines = 1 + dice.below(30); break;
        case 2:
            plan.at = reached.draw(dice, fault::stopped);
            plan.while_stopped = dice.one_in(2) ? 100 : 5;
            if (dice.one_in(2)) plan.lines = 1 + dice.below(60);
            break;
        default: plan.at = reached.draw(dice, fault::killed); break;
        }
        plan.requeue = dice.one_in(4);
        if (dice.one_in(4)) t.requeued += w.requeue();
        w.publish(dice.below(30));
        w.live(plan);
        t.kills += w.was_killed() ? 1u : 0u;
    }
    if (w.wrong().empty()) w.publish(1); // the last one is wanted, so that the place ends behind it
    if (w.wrong().empty()) w.finish();
    wrong = w.wrong();
    return {w.lives(), t.kills, w.verdicts().lines(), w.verdicts().repeats(), w.verdicts().dead().size(), t.requeued};
}

} // namespace

TEST_CASE("worker: lives that end well leave nothing to repeat; one that is killed in its handler leaves what it had not saved") {
    for (const order o : {order::any, order::by_topic}) {
        worker_world w({.order = o, .save_events = 10, .save_every = std::chrono::hours(1), .how_often = {0, 0, 0, 0}});
        w.publish(40);
        w.live();
        w.live({.publish = 30});
        CHECK(w.verdicts().repeats() == 0);
        w.publish(30);
        w.live({.own_end = 25});
        CHECK(w.was_killed());
        CHECK(w.verdicts().repeats() == 0);
        w.finish();
        CHECK(w.verdicts().repeats() == 5); // of 25 handled, 20 were saved
        CHECK(w.verdicts().lines() == 100 + 5);
        CHECK(w.wrong() == "");
    }
}

TEST_CASE("worker: stopped for laps, it reads on from the log, and has everything once") {
    worker_world w({.save_events = 10, .how_often = {0, 0, 0, 0}, .slots = 64});
    w.publish(20);
    w.live({.at = strike{probe::read_copied, fault::lapped, 10}, .publish = 10, .while_stopped = 500});
    CHECK(w.was_struck());
    w.finish();
    CHECK(w.verdicts().repeats() == 0);
    CHECK(w.verdicts().lines() == 530);
    CHECK(w.wrong() == "");
}

TEST_CASE("worker: whatever kills it and whenever, every event is handled or a dead letter, in order, and repeats are announced") {
    evbus_test::random_source random;
    const char* const given = std::getenv("EVBUS_ROUNDS");
    const std::uint64_t runs = given != nullptr ? std::strtoull(given, nullptr, 10) : support::rounds<std::uint64_t>(100, 20);
    totals all;
    const reach reached;
    for (std::uint64_t run = 0; run < runs; ++run) {
        std::string wrong;
        const totals t = random_run(random.seed() + run, reached, wrong);
        all = {all.lives + t.lives, all.kills + t.kills, all.handled + t.handled, all.repeats + t.repeats, all.dead + t.dead, all.requeued + t.requeued};
        CHECK_MESSAGE(wrong.empty(), "EVBUS_SEED=", random.seed() + run, " EVBUS_ROUNDS=1:", wrong);
    }
    MESSAGE(runs, " runs, ", all.lives, " lives, ", all.kills, " killed: ", all.handled, " handlings, ", all.repeats, " of them repeats, ", all.dead,
            " dead letters, ", all.requeued, " requeued");
    if (runs >= 20) CHECK((all.kills > 0 && all.repeats > 0 && all.dead > 0));
}
