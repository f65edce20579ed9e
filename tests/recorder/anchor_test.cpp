// Anchors through a bus: what is taken, what is refused and in which words, and what holds from one recorder and ring
// to the next.
#include "anchor_fixture.hpp"

#include "tests/support/failing_fs.hpp"

#include <string>

using namespace anchor_test;

namespace {

std::string words_of(const bus& on, const anchor& a) {
    try {
        put_anchor(on, a, ages);
        return "";
    } catch (const error& e) {
        return e.what();
    }
}
bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

void put_and_find(const bus_options& how) {
    const world w(how);
    const bus on = w.bus();
    recorder_thread recorder(on);
    author pen(on, 1);
    publish_durably(on, pen, 20);
    CHECK_FALSE(newest_anchor(on));
    CHECK(put(on, {.seq = 7, .reference = "/var/snapshots/7", .content_hash = 0xfeed, .walk_from = 5}) == "put");
    const std::optional<anchor> a = newest_anchor(on);
    REQUIRE(a);
    CHECK(a->seq == 7);
    CHECK(a->reference == "/var/snapshots/7");
    CHECK(a->content_hash == 0xfeed);
    CHECK(a->place() == cursor_place{8, 5});
    CHECK(a->time_ns > 0);
    CHECK(on.attach(ring::access::read_only)->ctl().frontier.anchor.load() == 7);
    CHECK(put(on, at(20, "later")) == "put");
    CHECK(newest_anchor(on)->place() == cursor_place{21, 21});
    CHECK_FALSE(newest_anchor(on)->content_hash);
    CHECK(recorder.stop().state == recorder_state::ended);
    CHECK(anchors_in(w) == lines{"7 /var/snapshots/7", "20 later"});
    CHECK(w.whole_log().all_of({{1, 20}}));
}

} // namespace

TEST_CASE("anchor: once it is put it stands in the log, with all that was said of it") { put_and_find({}); }
TEST_CASE("anchor: on an exclusive bus the same, while its only publisher has its place") { put_and_find({.exclusive = true}); }
TEST_CASE("anchor: on a strict bus the same") { put_and_find({.pacing = pacing::strict}); }

TEST_CASE("anchor: never past what is synced, and the refusal says how far that is") {
    const world w;
    const bus on = w.bus();
    recorder_thread recorder(on, {.sync = recorder::sync_policy::none});
    author pen(on, 1);
    pen.publish(10);
    REQUIRE(on.wait_written(pen.last(), ages));
    CHECK(put(on, at(3)) == "not durable yet");
    CHECK(contains(words_of(on, at(3)), "seq 3: only seqs up to 0 are synced"));
    CHECK(put(on, at(1000)) == "not durable yet");
    CHECK(put(on, at(max_seq - 1)) == "not durable yet");
    CHECK(recorder.stop().state == recorder_state::ended);
    CHECK(anchors_in(w).empty());
}

TEST_CASE("anchor: never backwards; the same again is the same, another one at its seq takes its place") {
    const world w;
    const bus on = w.bus();
    recorder_thread recorder(on);
    author pen(on, 1);
    publish_durably(on, pen, 20);
    CHECK(put(on, at(10, "a")) == "put");
    CHECK(put(on, at(10, "a")) == "put");
    CHECK(put(on, at(9, "b")) == "goes back");
    CHECK(contains(words_of(on, at(9, "b")), "the newest anchor is at seq 10"));
    CHECK(put(on, at(10, "c")) == "put");
    CHECK(put(on, {.seq = 10, .reference = "c", .content_hash = 1}) == "put");
    CHECK(anchors_in(w) == lines{"10 a", "10 c", "10 c"});
    CHECK(newest_anchor(on)->content_hash == 1);
    // An event too large for a slot that was not whole at seq 10 changes where reading begins, not what is in the state.
    CHECK(put(on, {.seq = 10, .reference = "c", .content_hash = 1, .walk_from = 8}) == "put");
    CHECK(newest_anchor(on)->place().walk_from == 8);
}

TEST_CASE("anchor: without seqs being synced by policy, the anchor itself is") {
    const world w;
    const bus on = w.bus();
    author pen(on, 1);
    {
        recorder_thread first(on);
        publish_durably(on, pen, 10);
    }
    // What an earlier run wrote is synced at the start of the next.
    recorder_thread recorder(on, {.sync = recorder::sync_policy::none});
    CHECK(put(on, at(10)) == "put");
    CHECK(put(on, at(10, "again")) == "put");
}

TEST_CASE("anchor: what is malformed is refused before anybody is asked") {
    const world w;
    const bus on = w.bus();
    recorder_thread recorder(on);
    author pen(on, 1);
    publish_durably(on, pen, 5);
    CHECK(put(on, at(1, "")) == "option out of range");
    CHECK(put(on, at(1, "line\nbreak")) == "option out of range");
    CHECK(put(on, at(1, std::string("nul\0byte", 8))) == "option out of range");
    CHECK(put(on, at(1, "del\x7f")) == "option out of range");
    CHECK(put(on, at(1, "c1 \xc2\x85")) == "option out of range");
    CHECK(put(on, at(1, "latin \xe9")) == "option out of range");
    CHECK(put(on, at(1, std::string(256, 'x'))) == "too large");
    CHECK(put(on, at(0)) == "option out of range");
    CHECK(put(on, at(max_seq)) == "option out of range");
    CHECK(put(on, {.seq = 3, .reference = "x", .walk_from = 5}) == "option out of range");
    CHECK(contains(words_of(on, at(1, "")), "its reference: is empty"));
    CHECK(anchors_in(w).empty());
    CHECK(put(on, at(1, std::string(255, 'x'))) == "put");
    CHECK(put(on, {.seq = 3, .reference = "\xc3\xa9\xe2\x82\xac", .walk_from = 4}) == "put");
    CHECK(newest_anchor(on)->reference == "\xc3\xa9\xe2\x82\xac");
}

TEST_CASE("anchor: nobody to ask: no recorder, no log, no permission") {
    const world w;
    const bus on = w.bus();
    CHECK(put(on, at(1)) == "not recorded");
    CHECK(contains(words_of(on, at(1)), "start evrecord " + w.name()));
    {
        recorder_thread recorder(on);
        CHECK(put(bus::observe(w.name()), at(1)) == "permission denied");
    }
    CHECK(put(on, at(1)) == "not recorded");
    const world without({.with_log = false});
    CHECK(contains(words_of(without.bus(), at(1)), "created without a log"));
    CHECK_FALSE(newest_anchor(without.bus()));
}

TEST_CASE("anchor: several put at once: each is answered, and the log's never go back") {
    const world w;
    const bus on = w.bus();
    recorder_thread recorder(on);
    author pen(on, 1);
    publish_durably(on, pen, 400);
    std::atomic<std::uint64_t> done{0}, refused{0}, other{0};
    std::vector<std::thread> askers;
    for (seq_t who = 0; who < 4; ++who)
        askers.emplace_back([&, who] {
            for (seq_t n = 0; n < 100; ++n) {
                const std::string r = put(on, at(1 + n * 4 + who));
                ++(r == "put" ? done : r == "goes back" ? refused : other);
            }
        });
    for (std::thread& t : askers) t.join();
    CHECK(other == 0);
    CHECK(done + refused == 400);
    const std::vector<anchor> all = log::list_anchors(log::posix(), {w.log_dir()});
    CHECK(all.size() == done);
    for (std::size_t i = 1; i < all.size(); ++i) CHECK(all[i].seq > all[i - 1].seq);
    CHECK(all.back().seq >= 397);
}

TEST_CASE("anchor: the rules hold from one recorder to the next, and from one ring to the next") {
    const world w;
    seq_t last = no_seq;
    {
        const bus on = w.bus();
        author pen(on, 1);
        recorder_thread recorder(on);
        publish_durably(on, pen, 10);
        CHECK(put(on, at(6, "first run")) == "put");
    }
    {
        const bus on = w.bus();
        recorder_thread recorder(on);
        CHECK(on.attach(ring::access::read_only)->ctl().frontier.anchor.load() == 6);
        CHECK(put(on, at(5)) == "goes back");
        CHECK(put(on, at(7, "second run")) == "put");
        last = on.head();
    }
    REQUIRE(w.runs().size() == 2);
    CHECK_FALSE(w.runs()[0].anchor == w.runs()[1].anchor);
    CHECK(w.runs()[1].anchor == newest_anchor(w.bus()));
    w.unlink_ring();
    const bus anew = w.bus();
    CHECK(anew.first_seq() >= last);
    CHECK(anew.attach(ring::access::read_only)->ctl().frontier.anchor.load() == 0); // until somebody looked
    CHECK(newest_anchor(anew)->reference == "second run");
    recorder_thread recorder(anew);
    CHECK(anew.attach(ring::access::read_only)->ctl().frontier.anchor.load() == 7);
    author pen(anew, 2);
    publish_durably(anew, pen, 5);
    CHECK(put(anew, at(6)) == "goes back");
    CHECK(put(anew, at(pen.last(), "second ring")) == "put");
    CHECK(recorder.stop().state == recorder_state::ended);
    CHECK(anchors_in(w) == lines{"6 first run", "7 second run", std::to_string(pen.last()) + " second ring"});
}

TEST_CASE("anchor: a run that was killed leaves a manifest that knows less than its log; a log that lost its manifests is looked through") {
    const world w;
    const bus on = w.bus();
    author pen(on, 1);
    {
        const recorder_process first(w);
        publish_durably(on, pen, 10);
        CHECK(put(on, at(3, "first")) == "put");
        CHECK(first.end() == 0);
    }
    {
        const recorder_process second(w);
        publish_durably(on, pen, 10);
        CHECK(put(on, at(8, "second")) == "put");
        second.kill();
    }
    CHECK(w.runs().back().anchor->reference == "first"); // what it knew when it began
    {
        recorder_thread third(on);
        CHECK(put(on, at(7)) == "goes back");
    }
    CHECK(w.runs().back().anchor->reference == "second");
    CHECK(recorder::parse_manifest(recorder::to_json(w.runs().back()))->anchor == w.runs().back().anchor);
    for (const recorder::manifest& m : w.runs()) std::filesystem::remove(log::log_dir{w.log_dir()}.runs() + "/" + recorder::manifest_name(m.run));
    recorder_thread last(on);
    CHECK(put(on, at(7)) == "goes back");
    CHECK(put(on, at(9)) == "put");
}

TEST_CASE("anchor: a full disk: refused with its reason, and put once there is space") {
    const world w;
    const bus on = w.bus();
    evbus_test::failing_file_system files(0, evbus_test::fault::for_good, ENOSPC, evbus_test::calls::writes);
    recorder_thread recorder(on, {.full = recorder::on_full::lose, .files = &files});
    author pen(on, 1);
    publish_durably(on, pen, 10);
    files.fail_from_now_on();
    CHECK(put(on, at(3)) == "out of space");
    files.heal();
    CHECK(put(on, at(3)) == "put");
    CHECK(recorder.stop().state == recorder_state::ended);
    CHECK(anchors_in(w) == lines{"3 snapshot"});
}

TEST_CASE("anchor: a sync that fails: the anchor was not put, and who asks is told") {
    const world w;
    const bus on = w.bus();
    evbus_test::failing_file_system files(0, evbus_test::fault::for_good, EIO, evbus_test::calls::datasyncs);
    author pen(on, 1);
    {
        recorder_thread recorder(on, {.sync = recorder::sync_policy::none, .files = &files});
        pen.publish(10);
    }
    recorder_thread recorder(on, {.sync = recorder::sync_policy::none, .files = &files});
    files.fail_from_now_on();
    CHECK(put(on, at(3)) == "not recorded");
    CHECK(recorder.join().state == recorder_state::sync_failed);
}
