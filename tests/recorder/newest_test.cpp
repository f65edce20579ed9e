// Readers that begin with the newest event of each topic: from ring and log, while publishing goes on; nothing is
// missing behind them, nothing comes twice, and the account adds up.
#include "recorder_fixture.hpp"

#include "tests/support/random.hpp"

#include <evbus/subscriber.hpp>

#include <map>
#include <set>

using namespace recorder_test;
using evbus_test::random_source;

namespace {

/// Publishes under topics in turn, "t.K", with the number of the event as its text.
class desk {
public:
    explicit desk(const bus& on, const std::string& name = "desk") : pen_(on, {.name = name}) {}
    seq_t publish(int topic, std::size_t bytes = 0) {
        const std::string text = std::to_string(++n_) + std::string(bytes, 'x');
        const std::string name = "t." + std::to_string(topic);
        const evbus::published p = pen_.publish(evbus::topic(name), std::as_bytes(std::span(text)));
        REQUIRE(p);
        seqs[p.seq] = name;
        return p.seq;
    }
    std::map<seq_t, std::string> seqs; ///< of all events, by their last frame

private:
    publisher pen_;
    std::uint64_t n_ = 0;
};

/// The seqs of the newest event of each topic up to `top`, and of all events behind it.
std::set<seq_t> expected(const std::map<seq_t, std::string>& all, seq_t top) {
    std::map<std::string, seq_t> newest;
    std::set<seq_t> out;
    for (const auto& [seq, topic] : all) {
        if (seq > top) out.insert(seq);
        else newest[topic] = seq;
    }
    for (const auto& [topic, seq] : newest) out.insert(seq);
    return out;
}

struct given {
    std::vector<seq_t> seqs;
    lines gaps;
    auto on_event() {
        return [this](const event& e) { seqs.push_back(e.seq()); };
    }
    auto on_gap() {
        return [this](const gap& g) {
            gaps.push_back(std::to_string(g.range.first) + "-" + std::to_string(g.range.last) + " " + to_string(g.cause));
        };
    }
    [[nodiscard]] std::set<seq_t> as_set() const { return {seqs.begin(), seqs.end()}; }
    [[nodiscard]] bool is_in_order() const { return std::is_sorted(seqs.begin(), seqs.end()) && as_set().size() == seqs.size(); }
};

void read_to(consumer& c, given& to, seq_t last, const poll_limits& limits = {}) {
    wait_until([&] {
        const consume_status s = c.poll(to.on_event(), to.on_gap(), limits);
        REQUIRE(s != consume_status::log_failed);
        if (c.next() > last) return true;
        if (s != consume_status::delivered) (void)c.wait(std::chrono::milliseconds(20));
        return false;
    });
}

} // namespace

TEST_CASE("newest: from the log, and from the ring what is newer there; then all that comes") {
    world w({.slots = 64, .pacing = pacing::strict});
    const bus on = w.bus();
    recorder_thread recorder(on);
    desk d(on);
    for (int i = 0; i < 500; ++i) d.publish(i % 100 < 50 ? i % 10 : i % 3); // topics 3 to 9 rest now and then
    d.publish(77);
    for (int i = 0; i < 40; ++i) d.publish(i % 3);
    for (const std::size_t at_once : {std::size_t{1}, std::size_t{256}}) {
        const seq_t top = on.head() - 1;
        REQUIRE(on.wait_written(top, ages));
        consumer c(on, {.from = from::newest_of_each_topic()});
        const seq_t start = c.next();
        given got;
        read_to(c, got, top, {.max_events = at_once});
        CHECK(got.as_set() == expected(d.seqs, top));
        CHECK(got.is_in_order());
        CHECK(got.gaps == lines{});
        CHECK(adds_up(c, start));
        CHECK(c.account().events == got.seqs.size());
        d.publish(1), d.publish(1), d.publish(2);
        read_to(c, got, on.head() - 1);
        CHECK(got.as_set() == expected(d.seqs, top));
        CHECK(adds_up(c, start));
    }
}

TEST_CASE("newest: as of a seq, by filters, of the ring alone, and of nothing") {
    world w({.slots = 64, .pacing = pacing::strict});
    const bus on = w.bus();
    consumer none(on, {.from = from::newest_of_each_topic()});
    given nothing;
    CHECK(none.poll(nothing.on_event()) == consume_status::delivered); // begins
    CHECK(none.poll(nothing.on_event()) == consume_status::caught_up);
    recorder_thread recorder(on);
    desk d(on);
    for (int i = 0; i < 200; ++i) d.publish(i % 7);
    REQUIRE(on.wait_written(200, ages));
    {
        consumer c(on, {.from = from::newest_of_each_topic(100)});
        given got;
        read_to(c, got, 200);
        CHECK(got.as_set() == expected(d.seqs, 100));
    }
    {
        consumer c(on, {.filters = {"t.1", "t.2", "t.none"}, .exclude = {"t.2"}, .from = from::newest_of_each_topic()});
        given got;
        read_to(c, got, 200);
        CHECK(got.seqs == std::vector<seq_t>{198});
        CHECK(on.head() == 201);
    }
    subscriber s(on, {.from = from::newest_of_each_topic()});
    const seq_t start = s.next();
    given got;
    while (s.poll(got.on_event(), got.on_gap()) != 0) {}
    CHECK(got.as_set() == expected(d.seqs, 200));
    CHECK(s.losses().walked() == s.next() - start);
    d.publish(5);
    CHECK(s.poll(got.on_event()) == 1);
    CHECK(got.seqs.back() == 201);
    read_to(none, nothing, 201);
    CHECK(nothing.seqs.size() == 201);
}

TEST_CASE("newest: an event that is half published at the start comes whole, from ring and log alike") {
    world w({.slots = 64, .pacing = pacing::strict});
    const bus on = w.bus();
    recorder_thread recorder(on);
    desk d(on), large(on, "large");
    for (int i = 0; i < 100; ++i) d.publish(i % 5);
    const seq_t big = large.publish(50, 900); // some frames of a slot
    for (int i = 0; i < 80; ++i) d.publish(i % 5);
    REQUIRE(on.wait_written(on.head() - 1, ages));
    // As of a seq in the middle of it: the event is not there yet, and is the next to come.
    for (const seq_t top : {big - 1, big - 3, big, big + 1}) {
        CAPTURE(top);
        consumer c(on, {.from = from::newest_of_each_topic(top)});
        given got;
        read_to(c, got, on.head() - 1);
        CHECK(got.as_set() == expected([&] {
                  auto all = d.seqs;
                  all.insert(large.seqs.begin(), large.seqs.end());
                  return all;
              }(), top));
    }
}

TEST_CASE("newest: while publishers go on at full speed, at many starts: nothing is missing, nothing comes twice") {
    random_source random;
    SHOW_SEED(random);
    world w({.slots = 256, .pacing = random.one_in(2) ? pacing::strict : pacing::paced});
    const bus on = w.bus();
    recorder::options how;
    how.segment_bytes = 200'000;
    recorder_thread recorder(on, how);
    std::map<seq_t, std::string> all;
    std::atomic<bool> stop = false;
    std::thread writes([&] {
        desk d(on);
        std::uint64_t dice = random.seed() | 1;
        for (std::uint64_t i = 0; !stop; ++i) {
            dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
            if (i > 40'000) ::usleep(20); // enough to choose among
            d.publish(static_cast<int>(dice % 997 == 0 ? 100 + dice % 50 : dice % 20), dice % 61 == 0 ? 700 : 0);
        }
        all = d.seqs;
    });
    struct start {
        std::unique_ptr<consumer> reader;
        given got;
        seq_t first;
        seq_t after;
    };
    std::vector<start> starts;
    for (int i = rounds(12, 5); i-- > 0;) {
        wait_until([&, at = on.head()] { return on.head() > at + 200; });
        starts.push_back({nullptr, {}, 0, 0});
        starts.back().reader = std::make_unique<consumer>(on, read_options{.from = from::newest_of_each_topic()});
        starts.back().first = starts.back().reader->next();
        starts.back().after = on.head();
        for (int k = 0; k < 20; ++k) (void)starts.back().reader->poll(starts.back().got.on_event(), starts.back().got.on_gap());
    }
    stop = true;
    writes.join();
    const seq_t last = on.head() - 1;
    std::vector<seq_t> published;
    for (const auto& [seq, topic] : all) published.push_back(seq);
    for (start& s : starts) {
        read_to(*s.reader, s.got, last);
        CHECK(s.got.is_in_order());
        CHECK(s.got.gaps == lines{});
        CHECK(adds_up(*s.reader, s.first));
        // Its top lies where it found the ring's end, or the log's: all behind it came, and before it the newest.
        const auto behind = [](const auto& seqs, seq_t top) { return seqs.end() - std::upper_bound(seqs.begin(), seqs.end(), top); };
        bool fits = false;
        for (seq_t top = s.after; top > 0 && !fits; --top) {
            if (behind(s.got.seqs, top) < behind(published, top)) break;
            if (static_cast<std::ptrdiff_t>(s.got.seqs.size()) - behind(s.got.seqs, top) > 150) continue; // more than there are topics
            fits = s.got.as_set() == expected(all, top);
        }
        CHECK(fits);
    }
}

TEST_CASE("newest: what may be newer and cannot be had is told, with and without a recorder") {
    world w({.slots = 64, .pacing = pacing::overwrite});
    const bus on = w.bus();
    desk d(on);
    for (int i = 0; i < 30; ++i) d.publish(i % 3);
    CHECK(record_all(on).state == recorder_state::ended);
    for (int i = 0; i < 200; ++i) d.publish(3); // 31 to 166 are gone for good
    consumer c(on, {.from = from::newest_of_each_topic()});
    const seq_t start = c.next();
    given got;
    read_to(c, got, 230);
    CHECK(got.as_set() == expected(d.seqs, 230));
    REQUIRE(got.gaps.size() >= 1);
    CHECK(got.gaps.front().substr(0, 3) == "31-");
    CHECK(adds_up(c, start));
    // Found above it by name: the gap can hide nothing.
    consumer named(on, {.filters = {"t.3"}, .from = from::newest_of_each_topic()});
    given one;
    read_to(named, one, 230);
    CHECK(one.seqs == std::vector<seq_t>{230});
    CHECK(one.gaps == lines{});
}

TEST_CASE("newest: a log that is damaged where the newest event stood tells so, and gives the one before it") {
    world w({.slots = 64, .pacing = pacing::strict});
    const bus on = w.bus();
    desk d(on);
    {
        recorder_thread recorder(on);
        d.publish(9);
        for (int i = 0; i < 20; ++i) d.publish(1);
        REQUIRE(on.wait_written(on.head() - 1, ages)); // a commit of its own for the one that will be hit
        const seq_t hit = d.publish(9, 40);
        REQUIRE(on.wait_written(hit, ages));
        for (int i = 0; i < 300; ++i) d.publish(1);
        CHECK(recorder.stop().state == recorder_state::ended);
    }
    const std::string path = w.log_dir() + "/segments/00000000000000000001.evseg";
    std::string bytes;
    {
        std::FILE* f = std::fopen(path.c_str(), "r+b");
        REQUIRE(f != nullptr);
        std::string all(1 << 20, '\0');
        all.resize(std::fread(all.data(), 1, all.size(), f));
        const std::size_t at = all.find(std::string(30, 'x'));
        REQUIRE(at != std::string::npos);
        std::fseek(f, static_cast<long>(at), SEEK_SET);
        std::fputc('y', f);
        std::fclose(f);
    }
    consumer c(on, {.from = from::newest_of_each_topic()});
    given got;
    read_to(c, got, on.head() - 1);
    CHECK(got.seqs.size() == 2);
    CHECK(got.seqs.front() == 1);
    REQUIRE(got.gaps.size() == 1);
    CHECK(got.gaps.front().find("damage") != std::string::npos);
}
