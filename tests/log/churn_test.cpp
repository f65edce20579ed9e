// Everything that may happen to a log's files happens, in random order, while several readers are at random places
// in it: commits, rolls, killed writers whose end is written afresh from a random seq on, torn writes, compressing,
// retention. Each reader is given every seq once and in order; a gap is what retention took, and what is skipped does
// not match.
#include "tests/log/log_fixture.hpp"

#include "lib/log/compress.hpp"
#include "lib/log/retention.hpp"
#include "lib/link/commit_walk.hpp"
#include "tests/support/random.hpp"

#include <evbus/log/zstd.hpp>

#include <cstdlib>

using namespace log_test;
using evbus_test::random_source;

namespace {

/// A log that changes in every way, and what was written to it.
class changing_log {
public:
    explicit changing_log(random_source& random) : random_(random), log_(900 + random.below(3000)) { t().writer(); }

    [[nodiscard]] test_log& t() noexcept { return log_; }
    [[nodiscard]] seq_t last() const noexcept { return topics_.size(); }
    /// The topic of a seq; empty for a void.
    [[nodiscard]] const std::string& topic(seq_t seq) const { return topics_.at(seq - 1); }
    /// All seqs below it were deleted.
    [[nodiscard]] seq_t first() const { return firsts().empty() ? last() + 1 : firsts().front(); }

    void change(bool deletes) {
        switch (random_.below(deletes ? 10 : 9)) {
        case 0: return crash();
        case 1: return end_well();
        case 2: return compress();
        case 9: return retain();
        default: return write();
        }
    }

private:
    [[nodiscard]] std::vector<seq_t> firsts() const {
        std::vector<seq_t> out;
        REQUIRE(log::list_segments(log::posix(), {log_.dir}, out) == 0);
        return out;
    }
    void write() {
        for (std::size_t commits = 1 + random_.below(3); commits > 0; --commits) {
            if (random_.one_in(6)) t().joined("somebody");
            for (std::size_t n = 1 + random_.below(5); n > 0; --n) {
                if (random_.one_in(8)) {
                    t().voids(1);
                    topics_.emplace_back();
                    continue;
                }
                topics_.push_back("t." + std::to_string(random_.below(20)));
                t().event(topics_.back(), std::to_string(last()) + std::string(random_.below(200), '.'), static_cast<std::int64_t>(last()) * 10);
            }
            const log::append_result r = t().try_write();
            CAPTURE(last());
            REQUIRE_MESSAGE(r.ok(), std::string(to_string(r.status)), " ", r.os_error);
        }
        is_open_ = was_writing_ = true;
    }
    /// The writer is killed, and the next one comes with the next write. What was synced is known up to some seq; the
    /// last write may be torn, or a segment begun without a whole header.
    void crash() {
        t().crash();
        if (was_writing_ && random_.one_in(3)) t().append_bytes(t().segments().size() - 1, std::string(1 + random_.below(150), 'x'));
        else if (is_open_ && last() != 0 && random_.one_in(3)) begin_segment();
        if (is_open_) t().options.end = {random_.one_in(4) ? max_seq : random_.below(last() + 1), false, max_seq};
        if (is_open_ && random_.one_in(3)) t().options.end.durable = last() - std::min<seq_t>(last(), random_.below(8));
        is_open_ = was_writing_ = false;
    }
    void begin_segment() {
        const std::string path = log::segment_path({log_.dir}, last() + 1);
        if (!fs::exists(path)) test_log::spit(path, std::string(random_.below(sizeof(log::segment_header)), 'x'));
    }
    void end_well() {
        t().close();
        is_open_ = was_writing_ = false;
        t().options.end = {last(), true, max_seq};
    }
    void compress() {
        const std::vector<seq_t> all = firsts();
        if (all.empty()) return;
        const std::size_t i = random_.below(all.size());
        if (i + 1 == all.size() && is_open_) return; // a recorder has it
        log::compress_options how;
        how.again = random_.one_in(2);
        how.worth = 2;
        (void)log::compress_segment(log::posix(), {log_.dir}, all[i], how);
    }
    void retain() {
        const log::retention_limits limits{.segments = 1 + random_.below(4)};
        (void)log::execute(log::posix(), {log_.dir},
                           log::plan(log::list_stored(log::posix(), {log_.dir}, log::time_wanted::of_none()), limits, {}, {}));
    }

    random_source& random_;
    test_log log_;
    std::vector<std::string> topics_;
    bool is_open_ = true;      ///< there is a writer
    bool was_writing_ = false; ///< it has begun to write
};

/// A reader of everything, or of some topics.
class onlooker {
public:
    onlooker(changing_log& log, const std::string& pattern)
        : log_(log), reader_(log::posix(), log.t().dir, {test_bus}), wanted_(pattern.empty() ? std::vector<std::string>{} : std::vector{pattern}) {
        reader_.select({&wanted_, nullptr, true});
        reader_.seek(1);
    }
    /// So many entries, fewer at the end.
    void read(std::size_t entries) {
        log::entry e;
        for (; entries > 0; --entries) {
            const log::step s = reader_.next(e);
            REQUIRE_MESSAGE(s != log::step::failed, reader_.failure());
            if (s == log::step::end) return;
            take(e);
        }
    }
    void read_all() {
        read(std::numeric_limits<std::size_t>::max());
        CHECK(next_ == log_.last() + 1);
        CHECK(reader_.last_seq() == log_.last());
    }

private:
    void take(const log::entry& e) {
        if (e.range.count() == 0) return; // a note
        CAPTURE(line_of(e));
        CAPTURE(log_.first());
        REQUIRE(e.range.first == next_);
        REQUIRE(e.range.last <= log_.last());
        next_ = e.range.last + 1;
        switch (e.kind) {
        case log::entry_kind::frame: REQUIRE(e.frame.topic == log_.topic(e.seq())); break;
        case log::entry_kind::gap:
            REQUIRE(e.cause == gap_cause::retention);
            REQUIRE(e.range.last < log_.first());
            break;
        default:
            for (seq_t s = e.range.first; s <= e.range.last; ++s) {
                if (e.kind == log::entry_kind::void_range) REQUIRE(log_.topic(s).empty());
                else REQUIRE((!log_.topic(s).empty() && !wanted_.matches(log_.topic(s))));
            }
        }
    }

    changing_log& log_;
    log::log_reader reader_;
    filter_set wanted_;
    seq_t next_ = 1;
};

/// A walk by commits, as an exporter makes it.
class carrier {
public:
    explicit carrier(changing_log& log) : log_(log), walk_(log::posix(), log.t().dir, test_bus) {}
    void read(std::size_t parts) {
        for (; parts > 0; --parts) {
            const link::found what = walk_.next();
            if (what == link::found::end) return;
            REQUIRE(what != link::found::hole);
            if (what != link::found::commit) continue;
            REQUIRE(walk_.commit().first_seq == next_);
            next_ = walk_.commit().last_seq + 1;
        }
    }
    void read_all() {
        read(std::numeric_limits<std::size_t>::max());
        CHECK(next_ == log_.last() + 1);
    }

private:
    changing_log& log_;
    link::commit_walk walk_;
    seq_t next_ = 1;
};

std::size_t rounds() {
    const char* const given = std::getenv("EVBUS_ROUNDS");
    return given != nullptr ? std::strtoull(given, nullptr, 10) : 60;
}

} // namespace

TEST_CASE("churn: whatever happens to the files under a reader, it is given every seq once") {
    random_source random;
    SHOW_SEED(random);
    for (std::size_t round = 0; round < rounds(); ++round) {
        CAPTURE(round);
        changing_log log(random);
        const bool deletes = random.one_in(2);
        std::vector<std::unique_ptr<onlooker>> readers;
        std::unique_ptr<carrier> carried;
        for (const char* pattern : {"", "t.3", "*.1", "none.*", ">"}) readers.push_back(std::make_unique<onlooker>(log, pattern));
        if (!deletes) carried = std::make_unique<carrier>(log);
        for (int step = 0; step < 120; ++step) {
            log.change(deletes);
            const std::size_t who = random.below(readers.size() + 4);
            if (who < readers.size()) readers[who]->read(random.one_in(4) ? 1000 : random.below(12));
            else if (who == readers.size() && carried) carried->read(random.below(12));
        }
        for (const auto& r : readers) r->read_all();
        if (carried) carried->read_all();
    }
}
