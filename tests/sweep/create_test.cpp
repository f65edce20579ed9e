// Creators, attachers and removers that are killed and stopped at each step: afterwards there is one ring
// of that name and one control object, seqs go up, and everybody works on it.
#include "tests/support/scratch_bus.hpp"
#include "tests/sweep/world.hpp"

#include <evbus/log/epochs.hpp>
#include <evbus/ring/retire.hpp>

using namespace sweep_test;

namespace {

struct scene {
    support::scratch_bus place;
    shared_page page;
    bool with_log = false;

    [[nodiscard]] bus_options options() const {
        bus_options o{.slots = 64, .slot_bytes = 128, .with_log = with_log, .stamps = false};
        if (with_log) o.log_dir = place.log();
        return o;
    }
};

struct setup_role {
    std::string name;
    std::function<int(const scene&)> life;
    std::function<bool(probe)> only;
    std::function<void(scene&)> before{};
    bool with_log = false;
    bool removes = false;                    ///< its work may end a ring that others made meanwhile
    std::function<void(scene&)> meanwhile{}; ///< while it is stopped
};

/// Somebody else comes to use the bus, as a program would. Says what went wrong; empty = nothing.
std::string use(const scene& s, epoch_t* epoch = nullptr) {
    try {
        const bus on = bus::open_or_create(s.place.name(), s.options());
        if (epoch != nullptr) *epoch = on.epoch();
        publisher pen(on, {.name = "other"});
        subscriber reader(on, {.from = from::head()});
        for (int i = 0; i < 70; ++i) {
            const published r = pen.publish(topic("x"), "y");
            if (!r) return std::string("told: ") + to_string(r.status);
            if (reader.poll([](const event&) {}) != 1) return "the event did not come";
        }
        return "";
    } catch (const error& e) {
        return e.what();
    }
}

/// Every epoch of the log begins at or above the one before, and the ring begins where the last line says.
void check_seqs(const scene& s, complaints& wrong) {
    if (!s.with_log) return;
    const auto lines = evbus::log::read_epochs(evbus::log::posix(), {s.place.log()});
    for (std::size_t i = 1; i < lines.size(); ++i)
        wrong.expect(lines[i].first_seq >= lines[i - 1].first_seq, "the seqs of the log went backwards");
    wrong.expect(!lines.empty() && lines.back().first_seq == bus::open(s.place.name()).first_seq(),
                 "the ring does not begin where the log says");
}

case_result run(const setup_role& r, const std::optional<strike>& at,
                std::array<std::uint64_t, probe_count>* hits = nullptr) {
    case_result out;
    complaints& wrong = out.wrong;
    const auto must_work = [&](const std::string& told) { wrong.expect(told.empty(), "who came later: " + told); };
    scene s;
    s.with_log = r.with_log;
    if (r.before) r.before(s);
    victim v(s.page, at, [&] { return r.life(s); });
    while (v.runs()) ::sched_yield();
    out.struck = v.was_struck();
    const bool stopped = v.now() == victim::state::stopped;
    epoch_t epoch = epoch_t::none, last = epoch_t::none;
    if (stopped && r.with_log) {
        wrong.expect(use(s).find("held by") != std::string::npos, "the stopped holder of the log's LOCK is not named");
    } else if (stopped && at->at == probe::unlink_locked) {
        wrong.expect(use(s).find("removing it does not get on") != std::string::npos, "nobody says who is in the way");
    } else {
        if (stopped && r.meanwhile) r.meanwhile(s);
        must_work(use(s, &epoch));
    }
    if (stopped) {
        if (at->what == fault::for_ever)
            v.kill();
        else
            v.go_on();
        while (v.runs()) ::sched_yield();
    }
    if (v.now() == victim::state::ended) wrong.same(v.code(), 0, "the exit code of who was let live");
    must_work(use(s, &last));
    wrong.expect(r.removes || epoch == epoch_t::none || last == epoch,
                 "who went on late took the ring from the others");
    check_seqs(s, wrong);
    if (at && at->what == fault::for_ever && s.place.objects() != 2) { // an orphan, which the next creator clears
        const auto there = ring::attachment::open(s.place.name(), ring::access::read_write);
        wrong.expect(ring::retire(*there, std::chrono::seconds(100)) != no_seq &&
                         ring::unlink_closed(s.place.name(), last),
                     "the bus could not be removed");
        must_work(use(s));
    }
    wrong.same(s.place.objects(), 2U, "shared memory objects at the end");
    sweep_table::instance().reached(*s.page);
    if (hits != nullptr)
        for (std::size_t p = 0; p < probe_count; ++p) (*hits)[p] = s.page->hits[p].load();
    return out;
}

void sweep_setup(const setup_role& r, std::initializer_list<fault> faults) {
    std::array<std::uint64_t, probe_count> hits{};
    const case_result counted = run(r, std::nullopt, &hits);
    CHECK_MESSAGE(counted.wrong.none(), r.name, ", let alone:", counted.wrong.text());
    std::size_t struck = 0;
    for (std::size_t p = 0; p < probe_count; ++p) {
        if (!r.only(static_cast<probe>(p))) continue;
        for (const std::uint64_t before : places_among(hits[p]))
            for (const fault f : faults) {
                const strike at{static_cast<probe>(p), f, before};
                const case_result seen = run(r, at);
                CHECK_MESSAGE(seen.struck, r.name, " was not ", text_of(at));
                CHECK_MESSAGE(seen.wrong.none(), r.name, " ", text_of(at), ":", seen.wrong.text());
                sweep_table::instance().count(r.name, at.at, to_string(f), seen.wrong.none());
                ++struck;
            }
    }
    CHECK(struck > 0);
}

bool is_creation(probe p) { return p >= probe::create_locked && p <= probe::orphan_removed; }

/// Creates, or is told that somebody else was first.
int create(const scene& s) {
    try {
        (void)bus::create(s.place.name(), s.options());
    } catch (const error& e) {
        return e.kind() == errc::already_exists ? 0 : 2;
    }
    return 0;
}
void leave_an_orphan(scene& s) {
    const ring::creation dead = creation_of(s.place.name());
    const ring::shm_file f = ring::shm_file::make_unnamed("x", ring::ctl_bytes, 0600);
    REQUIRE(f.link_as(ring::ctl_object(s.place.name(), dead.epoch)));
}
void make_bus(scene& s) { (void)bus::create(s.place.name(), s.options()); }

/// Joins whatever ring is there, or is told that it is none.
int attach(const scene& s) {
    try {
        publisher pen(bus::open(s.place.name()), {.name = "victim"});
        const publish_status status = pen.publish(topic("x"), "y").status;
        return status == publish_status::published || status == publish_status::retired ? 0 : 2;
    } catch (const error& e) {
        return e.kind() == errc::retired || e.kind() == errc::not_found ? 0 : 3;
    }
}
int remove(const scene& s) {
    const auto at = ring::attachment::open(s.place.name(), ring::access::read_write);
    if (ring::retire(*at, std::chrono::seconds(100)) == no_seq) return 2;
    return ring::unlink_closed(s.place.name(), at->description().epoch()) ? 0 : 3;
}

const setup_role creator{.name = "creator", .life = create, .only = is_creation};
const setup_role creator_with_log{.name = "creator with a log", .life = create, .only = is_creation, .with_log = true};
const setup_role creator_at_orphan{
    .name = "creator against an orphan", .life = create, .only = is_creation, .before = leave_an_orphan};
const setup_role attacher{.name = "attacher",
                          .life = attach,
                          .only = [](probe p) { return p == probe::attach_opened || p == probe::attach_mapped; },
                          .before = make_bus,
                          .meanwhile = [](scene& s) { CHECK(remove(s) == 0); }}; // and the next who comes makes another
const setup_role remover{.name = "remover",
                         .life = remove,
                         .only = [](probe p) { return p >= probe::close_chosen && p <= probe::ctl_unlinked; },
                         .before = make_bus,
                         .removes = true};

} // namespace

TEST_CASE("sweep: a creator is killed and stopped at each step") {
    sweep_setup(creator, {fault::killed, fault::stopped, fault::for_ever});
}

TEST_CASE("sweep: a creator with a log is killed at each step") {
    sweep_setup(creator_with_log, {fault::killed});
    if (std::getenv("EVBUS_ROUNDS") != nullptr) // others wait five seconds for it, and then name it
        sweep_setup(creator_with_log, {fault::stopped});
}

TEST_CASE("sweep: a creator that clears an orphan is killed and stopped at each step") {
    sweep_setup(creator_at_orphan, {fault::killed, fault::stopped, fault::for_ever});
}

TEST_CASE("sweep: who attaches is killed and stopped at each step") {
    sweep_setup(attacher, {fault::killed, fault::stopped, fault::for_ever});
}

TEST_CASE("sweep: a remover is killed and stopped at each step") {
    sweep_setup(remover, {fault::killed, fault::stopped, fault::for_ever});
}

TEST_CASE("sweep: reached all that the document says") {
    CHECK(promised_but_not_reached("sweep_create") == std::vector<std::string>{});
}
