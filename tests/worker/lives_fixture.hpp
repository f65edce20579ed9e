// A worker that lives again and again: a bus with a recorder in a process of its own, events that can be recognised,
// workers in processes that are killed at a probe, within their handler or whenever the test likes, and the judge of
// all that.
//
//   worker_world w({.seed = 7, .order = order::by_topic});
//   w.publish(50);
//   w.live({.at = strike{probe::cursor_written, fault::killed}});
//   w.finish();
//   CHECK(w.wrong() == "");
#pragma once

#include "tests/recorder/recorder_fixture.hpp"
#include "tests/sweep/sweep_fixture.hpp"
#include "tests/worker/judge.hpp"
#include "tests/worker/scripted_handler.hpp"
#include "tests/worker/worker_fixture.hpp"

#include <evbus/letters/journal.hpp>
#include <evbus/worker.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

namespace lives_test {

using evbus::probe;
using recorder_test::payload_of;
using sweep_test::fault;
using sweep_test::shared_page;
using sweep_test::strike;
using sweep_test::sweep_table;
using sweep_test::victim;

struct worker_shape {
    std::uint64_t seed = 1;
    evbus::order order = evbus::order::any;
    std::uint64_t save_events = 10;
    std::chrono::nanoseconds save_every = std::chrono::milliseconds(5);
    std::uint64_t save_ahead = 0; ///< handled while a save is under way
    std::uint32_t attempts = 3;
    odds how_often{};
    std::size_t topics = 3;
    std::size_t longest = 150;  ///< payload bytes: some events are of several frames
    std::size_t batch = 0;      ///< 0: the handler takes one event at a time
    std::uint64_t slots = 64;
};

/// How one life goes.
struct life_plan {
    std::optional<strike> at{};       ///< the fault, at a probe
    std::uint64_t own_end = 0;        ///< kills itself within its n-th handling, what it did being written; 0: does not
    std::uint64_t lines = 0;          ///< is killed from outside once it has handled so many; 0: is not
    std::uint64_t publish = 0;        ///< events that come while it runs
    std::uint64_t while_stopped = 0;  ///< and more, while it is stopped by a fault that stops
    bool requeue = false;             ///< a dead letter comes back while it runs
};

class worker_world {
public:
    static constexpr const char* cursor_name = "lives";

    explicit worker_world(const worker_shape& shape)
        : shape_(shape), script_(shape.seed, shape.attempts, shape.how_often),
          w_(bus_shape(shape, memory_.path())), on_(w_.bus()), diary_(diary_path()),
          judge_(script_, shape.order, std::max(shape.save_ahead, shape.save_events + std::max<std::size_t>(shape.batch, 1) - 1)), recorder_([this] { return record(); }) {
        for (std::size_t i = 0; i < shape.topics; ++i) topics_.emplace_back("t." + std::to_string(i));
        recorder_test::wait_until([&] { return on_.frontier().state == evbus::ring::recorder_state::recording; });
        pen_.emplace(on_, evbus::publisher_options{.name = "author"});
    }

    [[nodiscard]] const evbus::bus& on() const { return on_; }
    [[nodiscard]] std::string log_dir() const { return w_.log_dir(); }
    [[nodiscard]] judge& verdicts() { return judge_; }
    [[nodiscard]] const shared_page& page() const { return *page_; }
    [[nodiscard]] unsigned lives() const { return lives_; }
    [[nodiscard]] std::string wrong() const { return judge_.text() + wrong_; }

    /// Events of all topics, and now and then one that the worker does not want.
    void publish(std::uint64_t count) {
        for (std::uint64_t i = 0; i < count; ++i) {
            const std::uint64_t n = ++published_;
            if (n % 7 == 3) (void)send(others_, "not wanted");
            const std::size_t topic = (n * 2654435761u >> 7) % topics_.size();
            judge_.published(send(topics_[topic], payload_of(1, n, shape_.longest)), n, topic);
        }
    }
    /// One life, to its end: struck as planned, or, once everything is done with, asked to end.
    void live(const life_plan& plan = {}) {
        page_ = std::make_unique<shared_page>();
        asked_to_end_.words().store(0);
        const unsigned life = ++lives_;
        victim v(*page_, plan.at, [this, life, plan] { return work(life, plan.own_end); });
        const std::uint64_t lines_before = judge_.lines();
        std::uint64_t to_come = plan.publish;
        bool to_requeue = plan.requeue;
        stopped_ = false;
        hang_guard guard;
        while (true) {
            if (!v.runs()) {
                if (v.now() != victim::state::stopped || stopped_) break;
                stopped_ = true;
                publish(plan.while_stopped);
                v.go_on();
            }
            const std::uint64_t before = judge_.lines();
            if (to_come > 0) {
                const std::uint64_t some = std::min<std::uint64_t>(to_come, 1 + to_come % 5);
                publish(some);
                to_come -= some;
            }
            look();
            if (plan.lines != 0 && judge_.lines() >= lines_before + plan.lines) v.kill();
            if (to_requeue && judge_.lines() > lines_before && (judge_.dead().empty() || requeue() != 0)) to_requeue = false;
            if (to_come == 0 && judge_.is_settled()) {
                if (asked_to_end_.words().exchange(1) != 0) (void)send(others_, "wake up"); // else it would see it by and by
                ::usleep(1000);
            }
            if (judge_.lines() != before) guard.moved();
            else ::usleep(100);
            if (guard.hangs()) {
                wrong_ += "\n  life " + std::to_string(life) + " hangs; not done with:" + judge_.text_of_open();
                v.kill();
            }
        }
        look();
        sweep_table::instance().reached(**page_);
        killed_ = v.now() == victim::state::killed;
        if (!killed_ && v.code() != 0) wrong_ += "\n  life " + std::to_string(life) + " ended with " + std::to_string(v.code());
        judge_.life_over(life, !killed_ && v.code() == 0, saved_place(), letters());
    }
    /// The last life was killed, by itself or from outside.
    [[nodiscard]] bool was_killed() const { return killed_; }
    /// The fault of its plan befell it.
    [[nodiscard]] bool was_struck() const { return killed_ || stopped_; }

    /// Somebody else who changes the worker's letters meets a fault at a probe while he is at it. True when it befell him.
    template <class Work>
    bool strike_other(const strike& at, Work&& others_work) {
        page_ = std::make_unique<shared_page>();
        victim v(*page_, at, [&] {
            auto journal = open_journal();
            return others_work(journal);
        });
        while (v.runs()) ::usleep(100);
        if (v.now() != victim::state::killed && v.code() != 0) wrong_ += "\n  another process ended with " + std::to_string(v.code());
        sweep_table::instance().reached(**page_);
        judge_.look_at(saved_place(), letters());
        return v.was_struck();
    }
    /// A life in which nothing happens, and the sum of all.
    void finish() {
        live();
        judge_.all_over(letters());
    }
    /// Every dead letter that there is comes back to the worker, as `evlog dead-letters requeue` would do it.
    /// How many; none while the journal is held by a worker that was stopped just then.
    std::size_t requeue() {
        const std::set<evbus::seq_t> dead = judge_.dead();
        if (dead.empty()) return 0;
        try {
            auto journal = open_journal();
            for (const evbus::seq_t seq : dead) {
                evbus::letters::story s = journal.open_letters().at(seq);
                s.state = evbus::letters::letter_state::waiting;
                s.requeued = true;
                s.attempts = 0;
                s.due_ns = 0;
                if (journal.change(s) != 0) wrong_ += "\n  requeue: refused";
            }
            const int written = journal.write();
            if (written == -EBUSY) return 0;
            if (written != 0 || journal.sync() != 0) wrong_ += "\n  requeue: not written";
        } catch (const evbus::error& e) {
            if (e.kind() == evbus::errc::busy) return 0;
            throw;
        }
        for (const evbus::seq_t seq : dead) judge_.requeued(seq);
        return dead.size();
    }
    void look() { judge_.read(diary_.more()); }

    [[nodiscard]] evbus::worker_options options() const {
        evbus::worker_options how;
        how.cursor = cursor_name;
        how.filters = {"t.>"};
        how.order = shape_.order;
        how.thrown = evbus::thrown::retries;
        how.restart = evbus::restart::bounded{1'000'000, std::chrono::hours(1)};
        how.retry = {.attempts = shape_.attempts, .first_delay = std::chrono::milliseconds(1), .factor = 2, .max_delay = std::chrono::milliseconds(3), .jitter = 0.5};
        how.save = {.events = shape_.save_events, .every = shape_.save_every, .ahead = 0};
        if (shape_.batch != 0) how.batch = shape_.batch;
        how.spin = std::chrono::nanoseconds(0);
        return how;
    }
    [[nodiscard]] evbus::seq_t saved_place() const {
        const auto copies = evbus::log::read_cursor(evbus::log::posix(), evbus::log::cursor_paths({log_dir()}, cursor_name));
        return copies.best() == nullptr ? evbus::no_seq : copies.best()->place.next;
    }
    [[nodiscard]] std::map<evbus::seq_t, found_letter> letters() {
        std::map<evbus::seq_t, found_letter> out;
        try {
            const auto journal = evbus::letters::journal::open(evbus::log::posix(), {log_dir()}, cursor_name, {.bus = on_.id(), .read_only = true});
            for (const auto& [seq, story] : journal.open_letters()) {
                const evbus::owned_event held = journal.read(seq);
                const evbus::event e = held.view();
                out[seq] = {.dead = story.state == evbus::letters::letter_state::dead, .attempts = story.attempts, .requeued = story.requeued,
                            .error = story.error, .whole = e.seq() == seq && number_of(e) != 0};
            }
            const evbus::seq_t head = on_.head();
            for (evbus::seq_t seq = std::max<evbus::seq_t>(saved_place(), 1); seq < head; ++seq)
                if (journal.knows(seq)) out.emplace(seq, found_letter{.closed = true}); // unless it is among the open ones
        } catch (const evbus::error& e) {
            if (e.kind() != evbus::errc::not_found) wrong_ += std::string("\n  letters: ") + e.what();
        }
        return out;
    }

private:
    /// Only ends a hang: so long without any handling.
    class hang_guard {
    public:
        void moved() { last_ = std::chrono::steady_clock::now(); }
        [[nodiscard]] bool hangs() const { return std::chrono::steady_clock::now() - last_ > std::chrono::seconds(100); }

    private:
        std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
    };
    /// One word that processes share.
    class shared_word {
    public:
        std::atomic<std::uint64_t>& words() const { return board_[0]; }

    private:
        ring_test::board board_;
    };

    /// With segments so small that there is something to clean.
    [[nodiscard]] evbus::letters::journal open_journal() const {
        return evbus::letters::journal::open(evbus::log::posix(), {log_dir()}, cursor_name,
                                             {.bus = on_.id(), .segment_bytes = std::uint64_t{64} << 10, .lock_wait = std::chrono::milliseconds(300), .program = "operator"});
    }
    static evbus::bus_options bus_shape(const worker_shape& shape, const std::string& dir) {
        return {.slots = shape.slots, .slot_bytes = 128, .pacing = evbus::pacing::paced, .log_dir = dir + "/log", .stall_limit = std::chrono::hours(1)};
    }
    [[nodiscard]] std::string diary_path() const { return memory_.path() + "/diary"; }
    int record() const {
        evbus::recorder::options how;
        how.sync = evbus::recorder::sync_policy::none;
        how.segment_bytes = std::uint64_t{64} << 10;
        evbus::recorder::recording r(evbus::bus::open(w_.name()), std::move(how));
        const std::atomic<bool> stop{false};
        return r.run(stop).state == evbus::ring::recorder_state::ended ? 0 : 4; // killed in the end
    }
    evbus::seq_t send(const evbus::topic& to, const std::string& text) {
        const evbus::published p = pen_->publish(to, text);
        if (!p) throw std::runtime_error(std::string("publish: ") + evbus::to_string(p.status));
        return p.seq;
    }
    /// The number of an event, 0 when it is not as it was published.
    [[nodiscard]] std::uint64_t number_of(const evbus::event& e) const {
        const std::string text(e.text());
        const std::size_t colon = text.find(':');
        const std::uint64_t n = colon == std::string::npos ? 0 : std::strtoull(text.c_str() + colon + 1, nullptr, 10);
        const std::string topic = "t." + std::to_string((n * 2654435761u >> 7) % shape_.topics);
        return text == payload_of(1, n, shape_.longest) && e.topic() == topic ? n : 0;
    }

    // --- in the worker's process -----------------------------------------------------------------

    int work(unsigned life, std::uint64_t own_end) const {
        scripted_handler h{script_, shape_.order, [this](const evbus::event& e) { return number_of(e); }, std::make_shared<diary_pen>(diary_path()), life, own_end};
        const evbus::bus there = evbus::bus::open(w_.name());
        if (shape_.batch != 0) return run(evbus::worker(there, options(), [h](evbus::event_batch& b) mutable { return h.all(b); }));
        return run(evbus::worker(there, options(), [h](const evbus::event& e, const evbus::attempt& a) mutable { return h.one(e, a); }));
    }
    template <class Worker>
    int run(Worker&& w) const {
        while (asked_to_end_.words().load() == 0)
            if (w.join_for(std::chrono::milliseconds(1))) break;
        w.stop();
        w.join();
        return asked_to_end_.words().load() != 0 ? 0 : 3;
    }

    worker_shape shape_;
    script script_;
    worker_test::memory_dir memory_;
    recorder_test::world w_;
    evbus::bus on_;
    diary_reader diary_;
    judge judge_;
    ring_test::child recorder_;
    std::optional<evbus::publisher> pen_;
    std::vector<evbus::topic> topics_;
    evbus::topic others_{"other.things"};
    std::unique_ptr<shared_page> page_ = std::make_unique<shared_page>();
    shared_word asked_to_end_;
    std::uint64_t published_ = 0;
    unsigned lives_ = 0;
    bool killed_ = false, stopped_ = false;
    std::string wrong_;
};

} // namespace lives_test
