// A small language for tests of the worker: a bus with a log in memory, events with texts, and handlers that write
// down what they were given.
//
//   stage s;
//   s.publish("a", {"1", "2"});
//   worker w = s.start();
//   s.until(2);                       // two calls of the handler
//   CHECK(s.given() == lines{"1", "2"});
//   CHECK(end_of(w) == "");
#pragma once

#include "tests/support/scratch_bus.hpp"
#include "tests/support/text.hpp"

#include <evbus/letters/journal.hpp>
#include <evbus/log/cursor_list.hpp>
#include <evbus/publisher.hpp>
#include <evbus/worker.hpp>

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

namespace worker_test {

using namespace evbus;
using namespace std::chrono_literals;
namespace fs = std::filesystem;
using lines = std::vector<std::string>;

/// Waits without end: a test that hangs is ended by its runner, and no verdict hangs on a time.
template <class Condition>
void wait_until(Condition&& holds) {
    while (!holds()) ::usleep(500);
}

/// Stops it; what ended it: "kind: words", empty when it ended in good order.
inline std::string words_of(const error& e) { return std::string(evbus::detail::describe(e.kind())) + ": " + e.what(); }
inline std::string join(worker& w) {
    try {
        w.join();
    } catch (const error& e) {
        return words_of(e);
    }
    return {};
}
inline std::string end_of(worker& w) {
    w.stop();
    return join(w);
}
using support::has;

/// A directory in memory, where a sync costs nothing; gone with the test.
class memory_dir {
public:
    memory_dir() {
        std::string name = "/dev/shm/evbus-worker-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) std::abort();
        path_ = name;
    }
    ~memory_dir() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    memory_dir(const memory_dir&) = delete;
    memory_dir& operator=(const memory_dir&) = delete;
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

class stage {
public:
    using answers = std::function<outcome(const event&, const attempt&)>;

    explicit stage(std::uint64_t slots = 1024) : on(bus::create(place.name(), {.slots = slots, .slot_bytes = 128, .log_dir = log_dir()})), pen_(std::in_place, on) {}

    [[nodiscard]] std::string log_dir() const { return dir.path() + "/log"; }

    seq_t publish(const std::string& topic_text, const lines& texts) {
        const topic t(topic_text);
        seq_t last = no_seq;
        for (const std::string& text : texts) {
            const published p = pen_->publish(t, text);
            if (!p) FAIL("publish: " << to_string(p.status));
            last = p.seq;
        }
        return last;
    }
    /// Numbers as texts, on one topic.
    seq_t publish_numbers(int first, int last, const std::string& topic_text = "n") {
        lines texts;
        for (int i = first; i <= last; ++i) texts.push_back(std::to_string(i));
        return publish(topic_text, texts);
    }
    void drop_publisher() { pen_.reset(); }
    void renew(bus anew) {
        on = std::move(anew);
        pen_.emplace(on);
    }

    /// A handler that writes down what it is given and answers as told.
    [[nodiscard]] auto handler(answers answer = {}) {
        return [this, answer](const event& e, const attempt& a) -> outcome {
            note(e, a);
            return answer ? answer(e, a) : outcome(evbus::next);
        };
    }
    void note(const event& e, const attempt& a) {
        std::string line(e.text());
        if (a.number != 1) line += " #" + std::to_string(a.number);
        if (a.may_repeat) line += " repeat?";
        if (a.requeued) line += " requeued";
        const std::lock_guard guard(mutex_);
        given_.push_back(line);
    }
    [[nodiscard]] worker start(answers answer = {}) { return worker(on, how, handler(std::move(answer)), *files); }

    /// What the handler was given so far: "TEXT", "TEXT #2 repeat? requeued".
    [[nodiscard]] lines given() const {
        const std::lock_guard guard(mutex_);
        return given_;
    }
    void forget() {
        const std::lock_guard guard(mutex_);
        given_.clear();
    }
    void until(std::size_t calls) const {
        wait_until([&] { return given().size() >= calls; });
    }

    [[nodiscard]] log::saved_cursor saved() const {
        const auto found = log::read_cursor(log::posix(), {{log_dir()}, how.cursor});
        REQUIRE(found.best() != nullptr);
        return *found.best();
    }
    [[nodiscard]] letters::journal journal() const {
        return letters::journal::open(log::posix(), {log_dir()}, how.cursor, {.bus = on.id(), .read_only = true});
    }
    /// Open letters: "TEXT dead 5: ERROR", by seq.
    [[nodiscard]] lines letters() const {
        const letters::journal j = journal();
        lines out;
        for (const auto& [seq, s] : j.open_letters())
            out.push_back(std::string(j.read(seq).view().text()) + " " + to_string(s.state) + " " + std::to_string(s.attempts) + ": " + s.error);
        return out;
    }
    /// What an operator does with `evlog dead-letters requeue`.
    /// As `evlog cursors BUS reset NAME SEQ` does.
    void send_back_to(seq_t seq) const {
        const std::string filter = saved().filter;
        log::cursor_store store = log::cursor_store::open(log::posix(), {log_dir()}, how.cursor, "test");
        for (int i = 0; i < 2; ++i) REQUIRE(store.save({on.id(), {seq, seq}, 0, 1, filter, {}}) == 0);
    }
    void requeue_all() const {
        letters::journal j = letters::journal::open(log::posix(), {log_dir()}, how.cursor, {.bus = on.id()});
        for (const auto& [seq, s] : std::map(j.open_letters())) {
            letters::story again = s;
            again.state = letters::letter_state::waiting;
            again.attempts = 0;
            again.due_ns = 0;
            again.requeued = true;
            REQUIRE(j.change(again) == 0);
        }
        REQUIRE(j.write() == 0);
        REQUIRE(j.sync() == 0);
    }

    memory_dir dir;
    support::scratch_bus place;
    bus on;
    worker_options how{.cursor = "billing", .retry = {.attempts = 3, .first_delay = 1ms, .max_delay = 5ms}, .save = {.events = 1000, .every = 1ms}};
    log::file_system* files = &log::posix();

private:
    std::optional<publisher> pen_;
    mutable std::mutex mutex_;
    lines given_;
};

} // namespace worker_test
