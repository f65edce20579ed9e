// Power losses at every moment of a log's writing and recovery, with what was not synced there or not.
#include "tests/log/power_fixture.hpp"

using namespace log_test;

namespace {

/// A log on a disk that can lose power, and what was promised about it.
class powered_log {
public:
    explicit powered_log(std::uint64_t segment_bytes) : files(place.path()) {
        how.bus = test_bus;
        how.epoch = epoch_t{1};
        how.segment_bytes = segment_bytes;
    }
    void open() {
        writer.reset();
        writer = std::make_unique<log::log_writer>(
            log::log_writer::open(files, place.path(), how, [this](const notice& n) { notices.push_back(n.text); }));
    }
    void kill() { writer.reset(); }
    /// Appends events of about `bytes` each, `count` at once.
    log::append_result append(std::size_t count, std::size_t bytes) {
        log::batch b;
        for (std::size_t i = 0; i < count; ++i) {
            const seq_t s = writer->next_seq() + i;
            const std::string text = std::to_string(s) + std::string(bytes, static_cast<char>('a' + s % 26));
            static_cast<void>(b.add_frame(s, static_cast<std::int64_t>(s), make_frame("t", text)));
            was[s] = std::to_string(s) + " t " + text + " @" + std::to_string(s);
        }
        return promised(writer->append(b));
    }
    log::append_result note() {
        log::batch b(log::batch::least_capacity);
        static_cast<void>(b.add_run({7, log::run_change::start, 5}));
        return promised(writer->append(b));
    }
    log::append_result sync() { return promised(writer->sync()); }
    log::append_result close() { return promised(writer->close()); }
    /// From now on power is lost before each call that changes something, `losses` times each.
    void lose_power(random_source& random, int losses) {
        files.before_change = [this, &random, losses](int step) {
            random_choice choose(random);
            for (int i = 0; i < losses && wrong.empty(); ++i) {
                ++tried;
                wrong = wrong_after_power_loss(files.image(), was, durable, choose);
                if (!wrong.empty()) wrong = "before call " + std::to_string(step) + ": " + wrong;
            }
        };
    }

    scratch_dir place;
    crash_file_system files;
    log::log_options how;
    std::unique_ptr<log::log_writer> writer;
    history was;
    seq_t durable = 0;
    std::vector<std::string> notices;
    std::string wrong;
    int tried = 0;

private:
    log::append_result promised(log::append_result r) {
        durable = std::max(durable, writer->synced());
        return r;
    }
};

/// Some life of a log: small and large commits, notes, rolls, ends good and bad.
void live(powered_log& t) {
    t.open();
    CHECK(t.note().ok());
    for (const std::size_t bytes : {10u, 700u, 5000u, 10u}) CHECK(t.append(2, bytes).ok());
    CHECK(t.sync().ok());
    CHECK(t.append(3, 3000).ok());
    CHECK(t.append(1, 20'000).ok());
    t.kill();
    t.open();
    CHECK(t.sync().ok());
    CHECK(t.append(4, 2000).ok());
    CHECK(t.close().ok());
    t.open();
    CHECK(t.append(1, 10).ok());
    CHECK(t.note().ok());
    CHECK(t.sync().ok());
    CHECK(t.append(1, 10).ok());
}

} // namespace

TEST_CASE("power: lost at any moment, what was durable is there, nothing is made up, and one start mends the rest") {
    random_source random;
    SHOW_SEED(random);
    for (const std::uint64_t segment_bytes : {std::uint64_t{1} << 20, std::uint64_t{9000}}) {
        CAPTURE(segment_bytes);
        powered_log t(segment_bytes);
        t.lose_power(random, losses_a_step(6));
        live(t);
        CHECK(t.wrong == "");
        CHECK(t.durable == t.writer->last_seq() - 1);
        CHECK(t.tried > 150);
    }
}
