// The mailbox for anchors: who waits for whom, what a death on either side of it leaves at each step, and what comes
// of words that nobody should have written there.
#include "anchor_fixture.hpp"

#include "tests/support/random.hpp"

using namespace anchor_test;

TEST_CASE("anchor: a recorder that stands still: the time is over, what was asked is taken back, and later all is well") {
    const world w;
    const bus on = w.bus();
    author pen(on, 1);
    const recorder_process recorder(w);
    publish_durably(on, pen, 5);
    recorder.stop_still();
    CHECK(put(on, at(2, "late"), 1ms) == "timed out");
    CHECK(put(on, at(2, "none"), 0ns) == "timed out");
    recorder.go_on();
    CHECK(put(on, at(3)) == "put");
    CHECK(recorder.end() == 0);
    CHECK(anchors_in(w) == lines{"3 snapshot"});
}

TEST_CASE("anchor: who has its turn keeps others out, until the time given is over") {
    const world w;
    const bus on = w.bus();
    recorder_thread recorder(on);
    author pen(on, 1);
    publish_durably(on, pen, 5);
    {
        const ring::held_byte turn = mailbox(on).lock();
        REQUIRE(turn);
        CHECK(put(on, at(2), 1ms) == "in use");
    }
    CHECK(put(on, at(2)) == "put");
}

TEST_CASE("anchor: an asker killed at each step: the next one puts its own, and nothing of the dead one comes later") {
    const world w;
    const bus on = w.bus();
    author pen(on, 1);
    const recorder_process recorder(w);
    publish_durably(on, pen, 30);
    seq_t next = 1;
    for (int step = 1; step <= 4; ++step) {
        INFO("killed after step ", step);
        recorder.stop_still(); // or it might be quicker than the kill
        const std::string dead = "of the dead " + std::to_string(step);
        child asker([&] {
            mailbox box(bus::open(w.name()));
            const ring::held_byte turn = box.lock();
            const auto kill_at = [step](int s) {
                if (s == step) ::kill(::getpid(), SIGKILL);
            };
            if (!turn) return 1;
            kill_at(1);
            const auto mine = box.begin();
            if (!mine) return 2;
            kill_at(2);
            box.write({next, next + 1, {}, dead});
            kill_at(3);
            (void)box.post(*mine);
            kill_at(4);
            return 3;
        });
        CHECK(asker.wait() == 256 + SIGKILL);
        recorder.go_on();
        CHECK(put(on, at(next, "of the living " + std::to_string(step))) == "put");
        ++next;
    }
    CHECK(recorder.end() == 0);
    CHECK(anchors_in(w) == lines{"1 of the living 1", "2 of the living 2", "3 of the living 3", "4 of the living 4"});
}

TEST_CASE("anchor: a request of a killed asker is let go by the recorder itself") {
    const world w;
    const bus on = w.bus();
    author pen(on, 1);
    recorder_thread recorder(on);
    publish_durably(on, pen, 5);
    mailbox box(on);
    const auto mine = box.begin(); // without the lock: as one who is dead by now
    REQUIRE(mine);
    box.write({2, 3, {}, "nobody's"});
    const ring::anchor_state posted = box.post(*mine);
    pen.publish(1); // wakes it
    wait_until([&] { return box.state() != posted; });
    CHECK(box.state() == ring::anchor_state{mine->number, ring::anchor_phase::idle});
    CHECK(box.answer_to(mine->number) == ring::anchor_answer::none);
    CHECK(recorder.stop().state == recorder_state::ended);
    CHECK(anchors_in(w).empty());
}

TEST_CASE("anchor: the recorder is killed before it takes, and after: who asks waits for the next one, and it is put once") {
    const world w;
    const bus on = w.bus();
    author pen(on, 1);
    auto recorder = std::make_unique<recorder_process>(w);
    publish_durably(on, pen, 20);
    seq_t next = 1;
    for (const bool taken : {false, true}) {
        recorder->stop_still();
        std::string result;
        std::thread asker([&] { result = put(on, at(next, taken ? "taken" : "posted")); });
        mailbox box(on);
        wait_until([&] { return box.state().phase == ring::anchor_phase::posted; });
        if (taken) CHECK(box.take(box.state()));
        recorder->kill();
        recorder = std::make_unique<recorder_process>(w);
        asker.join();
        CHECK(result == "put");
        ++next;
    }
    CHECK(recorder->end() == 0);
    CHECK(anchors_in(w) == lines{"1 posted", "2 taken"});
}

TEST_CASE("anchor: what a killed recorder had taken keeps nobody waiting when there is no other, and is let go by the next") {
    const world w;
    const bus on = w.bus();
    author pen(on, 1);
    recorder_process recorder(w);
    publish_durably(on, pen, 20);
    mailbox box(on);
    {
        recorder.stop_still();
        const ring::held_byte turn = box.lock();
        const auto mine = box.begin();
        REQUIRE(mine);
        box.write({9, 10, {}, "lost"});
        CHECK(box.take(box.post(*mine)));
    }
    recorder.kill();
    CHECK(put(on, at(1)) == "not recorded");
    recorder_thread next(on);
    CHECK(put(on, at(1)) == "put");
    CHECK(next.stop().state == recorder_state::ended);
    CHECK(anchors_in(w) == lines{"1 snapshot"});
}

TEST_CASE("anchor: whatever stands in the mailbox, the recorder takes nothing that it would not be told, and goes on") {
    const world w;
    const bus on = w.bus();
    recorder_thread recorder(on, {.sync = recorder::sync_policy::commit});
    author pen(on, 1);
    publish_durably(on, pen, 10);
    CHECK(put(on, at(4, "good")) == "put");
    mailbox box(on);
    evbus_test::random_source dice(11);
    {
        const ring::held_byte turn = box.lock();
        REQUIRE(turn);
        ring::anchor_words& m = box.words();
        for (int i = 0; i < rounds(300, 50); ++i) {
            m.seq.store(dice.below(2) == 0 ? dice.below(4) : dice.word());
            m.walk_from.store(dice.below(3) == 0 ? 0 : dice.word());
            m.content_hash.store(dice.word());
            m.reference_bytes.store(dice.below(2) == 0 ? dice.below(400) : dice.word());
            for (auto& word : m.reference) word.store(dice.word());
            m.answer.store(dice.word());
            const std::uint64_t posted = dice.word() << 8 | dice.below(5);
            m.state.store(posted);
            publish_durably(on, pen, 1);
            if ((posted & 0xff) == 2 || (posted & 0xff) == 3) wait_until([&] { return m.state.load() != posted; });
        }
    }
    CHECK(put(on, at(5, "good too")) == "put");
    CHECK(recorder.stop().state == recorder_state::ended);
    CHECK(anchors_in(w) == lines{"4 good", "5 good too"});
}

TEST_CASE("anchor: ctl that lies about what is durable and which anchor is newest misleads nobody") {
    const world w;
    const bus on = w.bus();
    recorder_thread recorder(on, {.sync = recorder::sync_policy::none});
    author pen(on, 1);
    pen.publish(10);
    REQUIRE(on.wait_written(pen.last(), ages));
    ring::frontier_words& f = on.attach(ring::access::read_only)->ctl().frontier;
    f.durable.store(10);
    f.anchor.store(0);
    CHECK(put(on, at(3)) == "not durable yet");
    CHECK(recorder.stop().state == recorder_state::ended);
    CHECK(anchors_in(w).empty());
}
