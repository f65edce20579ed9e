// Ring, log, the log's tail and its list of epochs are lost in every order between lives of one bus. Whatever
// is lost: a seq that was told published never comes back with other content under the same bus id, an
// old place goes on, and what it missed is named.
#include "recreate_fixture.hpp"

using namespace recorder_test;

namespace {

/// One step of a scenario: how the life before it ends, and what is lost then.
struct step {
    ending before;
    std::vector<loss> lost;
    bool recorded; ///< had the life before a recorder
};

class scenario {
public:
    explicit scenario(evbus_test::random_source& random)
        : random_(&random), w_({.slots = 64, .pacing = random.one_in(3) ? pacing::overwrite : pacing::paced, .stall_limit = std::chrono::milliseconds(50)}) {}

    void run(const std::vector<step>& steps) {
        for (const step& s : steps) {
            live(s.recorded);
            leave(s.before);
            for (const loss what : s.lost) {
                if (needs_the_dead(what)) leave(ending::all_killed);
                lose(w_, what, random_->below(8));
                if (publishes_) publishes_->allow(random_->below(5)); // on a ring that may be nobody's any more
            }
        }
        live(true);
        leave(ending::clean);
        settle();
        check_log();
    }
    [[nodiscard]] const told_seqs& told() const { return told_; }
    /// To rings far above the one before, as the last log names them.
    [[nodiscard]] int jumps() const { return jumps_; }

private:
    void live(bool recorded) {
        ++lives_;
        auto fresh = std::make_unique<publishing_process>(w_, "life" + std::to_string(lives_));
        fresh->release();
        const bus on = w_.bus(); // both create
        fresh->wait_opened();
        CHECK(fresh->of_epoch() == on.epoch());
        CHECK(fresh->id() == on.id());
        settle();
        publishes_ = std::move(fresh);
        if (recorded && !start_recorder(on)) return; // with a ring that it refused and that was removed: another life
        publishes_->allow(1 + random_->below(120));
        publishes_->wait_done();
        publishes_->account_to(told_);
        read(on);
    }
    /// A ring that a recorder refuses is removed as it says; then it is to record.
    bool start_recorder(const bus& on) {
        recorder::options how;
        how.segment_bytes = std::uint64_t{8} << 10;
        records_ = std::make_unique<recorder_process>(w_, how);
        if (records_->is_recording()) return true;
        CHECK(records_->named_way_out());
        CHECK(records_->end() == 2);
        records_.reset();
        if (on.is_retired()) return true; // it lost its name while it was opened
        leave(ending::clean);
        remove_ring(w_);
        live(true);
        return false;
    }
    /// A consumer goes on where the last one was; everything told in between is delivered or in a gap.
    void read(const bus& on) {
        const seq_t last = publishes_->last();
        if (last == no_seq) return;
        if (on.id() != place_of_) {
            place_of_ = on.id();
            place_ = no_seq;
        }
        consumer c(on, {.from = place_ == no_seq ? from::oldest() : from::seq(place_)});
        const seq_t start = c.next();
        std::map<seq_t, seq_t> accounted; // first -> last
        consume_status s = consume_status::caught_up;
        wait_until([&] {
            s = c.poll(
                [&](const event& e) {
                    told_.tell(on.id(), e.seq(), std::string(e.text()));
                    accounted[e.seq()] = e.seq();
                },
                [&](const gap& g) { accounted[g.range.first] = g.range.last; });
            return c.next() > last || s == consume_status::retired || s == consume_status::log_failed;
        });
        CHECK(s != consume_status::log_failed);
        CHECK(c.account().walked() == c.next() - start);
        for (const seq_t seq : told_.within(on.id(), start, c.next() - 1)) {
            auto at = accounted.upper_bound(seq);
            const bool there = at != accounted.begin() && (--at)->second >= seq;
            if (!there) told_.faults.push_back("seq " + std::to_string(seq) + " is neither given nor named");
        }
        place_ = c.next();
    }
    void leave(ending how) {
        if (how == ending::stay) return;
        if (how == ending::recorder_killed || how == ending::all_killed) {
            if (publishes_) publishes_->allow(100);
            if (records_) records_->kill();
            records_.reset();
            if (how == ending::all_killed && publishes_) publishes_->kill();
            else if (publishes_) publishes_->wait_done();
        }
        if (how == ending::all_killed) {
            if (publishes_) publishes_->account_to(told_);
            publishes_.reset();
        }
        if (how == ending::clean) settle();
    }
    /// Who is left of the life before goes.
    void settle() {
        if (publishes_) {
            CHECK(publishes_->end() == 0);
            publishes_->account_to(told_);
        }
        publishes_.reset();
        if (records_) (void)records_->end();
        records_.reset();
    }
    /// The log explains every seq, and holds nothing that was published otherwise.
    void check_log() {
        log::log_reader reader(log::posix(), w_.log_dir());
        log::entry e;
        seq_t next = no_seq;
        while (reader.next(e) == log::step::entry) {
            if (e.kind == log::entry_kind::member || e.kind == log::entry_kind::run) continue;
            if (next != no_seq && e.range.first != next) told_.faults.push_back("the log jumps to " + std::to_string(e.range.first));
            next = e.range.last + 1;
            if (e.kind == log::entry_kind::frame)
                told_.tell(reader.bus(), e.seq(), std::string(reinterpret_cast<const char*>(e.frame.payload.data()), e.frame.payload.size()));
            if (e.kind != log::entry_kind::gap) continue;
            // A jump to a new ring has a cause of its own; everything else here was lost by a late recorder.
            const bool jump = e.range.count() >= std::uint64_t{1} << 44;
            if (jump ? e.cause != gap_cause::ring_lost : e.cause != gap_cause::ring_lost && e.cause != gap_cause::recorder_lost)
                told_.faults.push_back("at seq " + std::to_string(e.range.first) + " the log says " + evbus::to_string(e.cause));
            jumps_ += jump;
        }
        CHECK(next != no_seq);
    }

    evbus_test::random_source* random_;
    world w_;
    told_seqs told_;
    std::unique_ptr<publishing_process> publishes_;
    std::unique_ptr<recorder_process> records_;
    bus_id place_of_{};
    seq_t place_ = no_seq;
    int lives_ = 0;
    int jumps_ = 0;
};

std::string text_of(const std::vector<step>& steps) {
    std::string out;
    for (const step& s : steps) {
        out += std::string(out.empty() ? "" : "; ") + (s.recorded ? "recorded, " : "unrecorded, ") + to_string(s.before) + ", lost:";
        for (const loss l : s.lost) out += std::string(" [") + to_string(l) + "]";
    }
    return out;
}

/// Returns how many jumps the log names.
int check(evbus_test::random_source& random, const std::vector<step>& steps) {
    INFO(text_of(steps));
    scenario s(random);
    s.run(steps);
    const lines& faults = s.told().faults;
    if (!faults.empty()) FAIL_CHECK(faults.size() << " faults, the first: " << faults.front());
    CHECK(s.told().size() > 0);
    return s.jumps();
}

ending any_ending(evbus_test::random_source& random) { return all_endings[random.below(all_endings.size())]; }
loss any_loss(evbus_test::random_source& random) { return all_losses[random.below(all_losses.size())]; }

/// Every ordered choice of up to `most` different losses.
std::vector<std::vector<loss>> orders(std::size_t most) {
    std::vector<std::vector<loss>> out;
    for (std::size_t from = 0, length = 1; length <= most; ++length) {
        const std::size_t to = out.size();
        if (length == 1) {
            for (const loss l : all_losses) out.push_back({l});
        } else {
            for (std::size_t i = from; i < to; ++i)
                for (const loss l : all_losses)
                    if (std::vector<loss> more = out[i]; std::find(more.begin(), more.end(), l) == more.end()) {
                        more.push_back(l);
                        out.push_back(std::move(more));
                    }
        }
        from = to;
    }
    return out;
}

} // namespace

TEST_CASE("recreate sweep: every loss after every end of a life, recorded and not") {
    evbus_test::random_source random;
    SHOW_SEED(random);
    for (const loss what : all_losses)
        for (const ending end : all_endings)
            for (const bool recorded : {true, false}) {
                const int jumps = check(random, {{end, {what}, recorded}});
                if (what == loss::ring_unlinked || what == loss::reboot) CHECK(jumps == 1);
                if (what == loss::ring_removed) CHECK(jumps == 0);
            }
}

TEST_CASE("recreate sweep: several losses at once, in every order") {
    evbus_test::random_source random;
    SHOW_SEED(random);
    const bool all = std::getenv("EVBUS_SWEEP_ALL") != nullptr;
    for (const std::vector<loss>& lost : orders(3)) {
        const std::size_t one_in = all ? 1 : lost.size() == 3 ? rounds(40U, 100U) : rounds(6U, 20U);
        if (random.below(one_in) == 0) (void)check(random, {{any_ending(random), lost, !random.one_in(4)}});
    }
}

TEST_CASE("recreate sweep: a loss between each two lives, three in a row") {
    evbus_test::random_source random;
    SHOW_SEED(random);
    const int runs = std::getenv("EVBUS_SWEEP_ALL") != nullptr ? 1500 : rounds(12, 4);
    for (int i = 0; i < runs; ++i) {
        std::vector<step> steps;
        for (int k = 0; k < 3; ++k) {
            step s{any_ending(random), {any_loss(random)}, !random.one_in(4)};
            if (random.one_in(3)) s.lost.push_back(any_loss(random));
            steps.push_back(std::move(s));
        }
        (void)check(random, steps);
    }
}
