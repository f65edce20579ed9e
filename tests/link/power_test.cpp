// Power lost, a kill and failing syncs at every moment of an import, with what was not synced there or not: what was
// called durable is there, and the next import completes the copy. EVBUS_ROUNDS=N: so many power losses before each call.
#include "tests/link/link_fixture.hpp"

#include "tests/support/crash_fs.hpp"
#include "tests/support/fault_table.hpp"

using namespace link_test;
using namespace evbus_test;

namespace {

int losses_a_call(int usual) {
    const char* const given = std::getenv("EVBUS_ROUNDS");
    return given != nullptr ? std::max(1, std::atoi(given)) : usual;
}

/// A copy on a disk that can lose power, of a log in several segments with notes, gaps and fragments.
class powered_copy {
public:
    explicit powered_copy(std::uint64_t sync_bytes = 300) : source_(900) {
        how_.sync_bytes = sync_bytes;
        fill(source_, 1);
        early_ = stream_of(source_.dir);
        fill(source_, 1);
        log::append_epoch(log::posix(), {source_.dir}, {epoch_t{7}, 1, 5, "boot", test_bus, "md"});
        stream_ = stream_of(source_.dir);
        whole_ = source_.read();
        fs::create_directories(copy_.dir);
        files = std::make_unique<crash_file_system>(copy_.dir);
    }

    [[nodiscard]] const std::string& stream() const { return stream_; }
    /// What the source had before it went on.
    [[nodiscard]] const std::string& early() const { return early_; }
    [[nodiscard]] const std::string& dir() const { return copy_.dir; }
    /// What an import in the same boot comes to. True when it completed.
    bool import_all(std::string_view stream) {
        std::string error;
        try {
            to_ = std::make_unique<importer>(*files, copy_.dir, how_);
            promised();
            string_source from(stream, 64);
            static_cast<void>(evbus::link::import_stream(from, *to_, [this](const auto&) { promised(); }));
        } catch (const evbus::error& e) {
            error = e.what();
        }
        if (to_) promised();
        to_.reset();
        return error.empty();
    }
    bool import_all() { return import_all(stream_); }

    /// Power is lost `losses` times before each call that changes something, and once more now and then while the copy is
    /// put right.
    void lose_power(random_source& random, int losses) {
        files->before_change = [this, &random, losses](int step) {
            if (to_) promised();
            for (int i = 0; i < losses && wrong.empty(); ++i) {
                random_choice choose(random);
                place after;
                lose_power_into(after, choose);
                complete(after.dir, "before call " + std::to_string(step), random);
            }
        };
    }
    void keep_power() { files->before_change = {}; }
    void lose_power_into(place& after, chooser& choose) const {
        fs::create_directories(after.dir);
        files->image().lose_power(after.dir, choose);
    }
    /// What is in `dir` after a power loss is to hold what is durable, and to be completed by one import.
    void complete(const std::string& dir, const std::string& at, random_source& random) {
        ++tried;
        if (random.one_in(8)) return complete_after_second_loss(dir, at, random);
        check(import(dir, stream_), dir, at);
    }
    [[nodiscard]] bool is_complete() const { return read_log(copy_.dir) == whole_; }

    std::unique_ptr<crash_file_system> files;
    seq_t durable = 0;
    std::string wrong;
    int tried = 0;

private:
    void promised() {
        if (to_->durable() != no_seq) durable = std::max(durable, to_->durable());
    }
    void check(const imported& r, const std::string& dir, const std::string& at) {
        if (!r.error.empty()) wrong = at + ": " + r.error;
        else if (r.counts.added.first != no_seq && r.counts.added.first <= durable)
            wrong = at + ": seq " + std::to_string(r.counts.added.first) + " was durable and had to come again";
        else if (read_log(dir) != whole_) wrong = at + ": the copy is not what the source is";
        fault_table::instance().count("import", "any call", "power lost", wrong.empty());
    }
    /// Another boot, and its import loses power as well.
    void complete_after_second_loss(const std::string& dir, const std::string& at, random_source& random) {
        crash_file_system again(dir);
        const int call = 1 + static_cast<int>(random.below(60));
        place after;
        bool lost = false;
        again.before_change = [&](int step) {
            if (step != call) return;
            random_choice choose(random);
            fs::create_directories(after.dir);
            again.image().lose_power(after.dir, choose);
            lost = true;
        };
        check(import(dir, stream_, again, how_.sync_bytes), dir, at);
        if (lost && wrong.empty()) check(import(after.dir, stream_), after.dir, at + ", and before call " + std::to_string(call) + " of the next import");
    }

    test_log source_;
    place copy_;
    evbus::link::copy_options how_;
    std::unique_ptr<importer> to_;
    std::string early_;
    std::string stream_;
    lines whole_;
};

} // namespace

TEST_CASE("power: lost before every call of an import, what was durable is there, and the whole stream completes it") {
    random_source random;
    SHOW_SEED(random);
    for (const std::uint64_t sync_bytes : {std::uint64_t{300}, std::uint64_t{16} << 20}) {
        powered_copy t(sync_bytes);
        t.lose_power(random, losses_a_call(4));
        CHECK(t.import_all());
        t.keep_power();
        CHECK(t.wrong == "");
        CHECK(t.tried > 60);
        CHECK(t.is_complete());
    }
}

TEST_CASE("power: the same losses in every run") {
    for (const std::uint64_t seed : {589252208u, 3061390437u, 4049564675u, 2343183u, 11u, 12u}) {
        random_source random(seed);
        SHOW_SEED(random);
        powered_copy t;
        t.lose_power(random, 3);
        CHECK(t.import_all());
        CHECK(t.wrong == "");
    }
}

TEST_CASE("power: lost when a newest segment has its footer and none of its pages, its commits come again") {
    powered_copy t(std::uint64_t{16} << 20);
    REQUIRE(t.import_all());
    // The footer came to the disk, a page before it did not.
    place copy;
    fs::create_directories(copy.dir);
    fs::copy(t.dir(), copy.dir, fs::copy_options::recursive);
    fs::remove(copy.dir + "/imported");
    std::vector<std::string> segments;
    for (const auto& e : fs::directory_iterator(copy.dir + "/segments")) segments.push_back(e.path().string());
    std::sort(segments.begin(), segments.end());
    while (segments.size() > 1) {
        fs::remove(segments.back());
        segments.pop_back();
    }
    std::string bytes = test_log::slurp(segments[0]);
    REQUIRE(bytes.size() > 700);
    std::fill(bytes.begin() + 200, bytes.begin() + 600, '\0');
    std::ofstream(segments[0], std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    const imported r = import(copy.dir, t.stream());
    CHECK(r.error == "");
    CHECK(read_log(copy.dir) == read_log(t.dir()));
    CHECK(!fs::is_empty(copy.dir + "/quarantine"));
}

TEST_CASE("kill: at any call, the next import of the same boot completes it, and what it calls durable outlives the power") {
    random_source random;
    SHOW_SEED(random);
    for (const bool goes_on : {false, true}) {
        bool whole = false;
        for (int k = 1; !whole; ++k) {
            CAPTURE(k);
            CAPTURE(goes_on);
            powered_copy t(std::uint64_t{1} << 20);
            if (goes_on) REQUIRE(t.import_all(t.early()));
            t.files->dies_at = t.files->changes() + k;
            whole = t.import_all() && t.files->changes() < t.files->dies_at;
            t.files->dies_at = 0;
            t.lose_power(random, losses_a_call(1));
            CHECK(t.import_all());
            t.keep_power();
            REQUIRE(t.wrong == "");
            REQUIRE(t.is_complete());
            REQUIRE(k < 400);
        }
    }
}

TEST_CASE("power: notes in front of a hole are there once what stands behind it is") {
    test_log t;
    t.event("a", "1", 1).write();
    t.close();
    t.run_start().write(); // a segment that begins with notes alone,
    t.event("a", "2", 2).write();
    t.event("a", "3", 3).write();
    const std::size_t newest = t.segments().size() - 1;
    const std::string was = t.bytes(newest);
    const std::size_t at = was.find("\xfe""ecommit", was.find("\xfe""ecommit") + 8);
    REQUIRE(at != std::string::npos);
    t.flip_bit(newest, (at + sizeof(log::commit_header) + 20) * 8); // and what follows them is damaged
    const std::string stream = stream_of(t.dir);
    const lines whole = t.read();
    place copy;
    fs::create_directories(copy.dir);
    crash_file_system files(copy.dir);
    const imported r = import(copy.dir, stream, files);
    REQUIRE(r.error == "");
    CHECK(r.counts.missing == 1);
    evbus_test::every_choice every;
    do {
        place after;
        fs::create_directories(after.dir);
        files.snapshot().lose_power(after.dir, every);
        REQUIRE(read_log(after.dir) == whole);
    } while (every.next());
}

TEST_CASE("poison: syncs that fail from any call on, or a kill behind one; the next import does not believe what reads back") {
    random_source random;
    SHOW_SEED(random);
    for (const bool killed : {false, true}) {
        bool whole = false;
        for (int k = 1; !whole; ++k) {
            CAPTURE(k);
            CAPTURE(killed);
            powered_copy t(300);
            int failed = 0;
            t.files->before_change = [&](int step) {
                if (step < k) return;
                t.files->fail_syncs = true;
                if (++failed == 3 && killed) t.files->dies_at = step; // nothing can be taken back any more
            };
            whole = t.import_all() && t.files->changes() < k;
            t.files->fail_syncs = false;
            t.files->dies_at = 0;
            t.lose_power(random, losses_a_call(1));
            CHECK(t.import_all());
            CHECK(t.import_all()); // nothing new: still it must not say more than is true
            t.keep_power();
            REQUIRE(t.wrong == "");
            REQUIRE(t.is_complete());
            REQUIRE(k < 400);
        }
    }
}

TEST_CASE("poison: the sync of a start that goes on fails, and the start after it does not believe it") {
    random_source random;
    SHOW_SEED(random);
    powered_copy t(std::uint64_t{16} << 20);
    t.files->dies_at = 45; // in the middle
    CHECK(!t.import_all());
    t.files->dies_at = 0;
    t.files->fail_syncs = true;
    for (int i = 0; i < 3; ++i) CHECK(!t.import_all());
    t.files->fail_syncs = false;
    t.lose_power(random, losses_a_call(6));
    CHECK(t.import_all());
    CHECK(t.import_all());
    t.keep_power();
    CHECK(t.wrong == "");
    CHECK(t.is_complete());
}

TEST_CASE("end: an import that ended well leaves word of it, and the next one writes nothing again") {
    powered_copy t;
    REQUIRE(t.import_all());
    const int before = t.files->changes();
    REQUIRE(t.import_all());
    const int idle = t.files->changes() - before;
    CHECK(idle < 12);
    // A word that does not fit is no word: the end is written afresh.
    for (const char* text : {"", "18446744073709551615 0000000000000000\n", "7", "\xff\xfe"}) {
        std::ofstream(t.dir() + "/imported", std::ios::binary | std::ios::trunc) << text;
        CHECK(import(t.dir(), t.stream()).error == "");
        CHECK(t.is_complete());
    }
    fs::remove(t.dir() + "/imported");
    fs::create_directory(t.dir() + "/imported"); // neither to be read nor to be replaced
    CHECK(import(t.dir(), t.stream()).error == "");
    CHECK(t.is_complete());
}
