#include "tools/demo/roles.hpp"

#include <evbus/consumer.hpp>

#include <chrono>
#include <cstdio>
#include <thread>

namespace demo {
namespace {

/// Compares what comes with what must come, and keeps the place to go on from after a kill.
class checker {
public:
    checker(const std::vector<source>& sources, reader_board& mine) : sources_(&sources), mine_(&mine) {}

    /// Where a former life stopped. A life that was killed while it wrote its place is told by pen_down,
    /// and its place then is the one of the event being written: that one may have been counted.
    [[nodiscard]] evbus::seq_t place() const { return mine_->next.load(); }

    void take(const evbus::event& e) {
        for (std::size_t i = 0; i < sources_->size(); ++i) {
            const source& s = (*sources_)[i];
            if (s.topic != e.topic()) continue;
            const std::uint64_t k = mine_->expected[i].load(std::memory_order_relaxed);
            const bool right = e.text() == s.line(k);
            // One moment for both: a kill between them must not look like an event twice or missing.
            mine_->pen_down.store(e.seq() << 3 | (i + 1), std::memory_order_release);
            mine_->expected[i].store(k + 1, std::memory_order_release);
            mine_->next.store(e.seq() + 1, std::memory_order_release);
            mine_->pen_down.store(0, std::memory_order_release);
            mine_->delivered.fetch_add(1, std::memory_order_relaxed);
            if (!right) mine_->wrong.fetch_add(1, std::memory_order_relaxed);
            return;
        }
        mine_->wrong.fetch_add(1, std::memory_order_relaxed);
    }

    /// After a kill: finishes or undoes the one event that may have been half written.
    void recover() {
        const std::uint64_t half = mine_->pen_down.exchange(0);
        if (half == 0 || mine_->next.load() == (half >> 3) + 1) return;
        // `next` still says that the event is to come; whether `expected` moved on cannot be seen, so the
        // event is taken again and its number found by comparing with both.
        unsure_ = (half & 7) - 1;
        unsure_seq_ = half >> 3;
    }
    [[nodiscard]] bool is_unsure(const evbus::event& e) const { return unsure_seq_ == e.seq(); }
    void settle(const evbus::event& e) {
        const source& s = (*sources_)[unsure_];
        counter& expected = mine_->expected[unsure_];
        if (e.text() != s.line(expected.load()) && expected.load() != 0) expected.fetch_sub(1);
        unsure_seq_ = 0;
        take(e);
    }

private:
    const std::vector<source>* sources_;
    reader_board* mine_;
    std::size_t unsure_ = 0;
    evbus::seq_t unsure_seq_ = 0;
};

} // namespace

int read_lines(const std::string& bus_name, const std::vector<source>& sources, reader_role role, board& b) {
    using namespace std::chrono_literals;
    reader_board& mine = b.readers[role];
    const bool again = mine.lives.fetch_add(1) != 0;
    const evbus::bus bus = evbus::bus::open(bus_name);
    checker check(sources, mine);
    const evbus::seq_t start = again && check.place() != 0 ? check.place() : bus.first_seq();
    if (again) check.recover();
    evbus::consumer in(bus, {.filters = {"demo.>"}, .from = evbus::from::seq(start), .name = reader_names[role]});

    std::uint64_t seen = 0;
    const auto on_event = [&](const evbus::event& e) {
        if (role == live) mine.latency.add(std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count() - e.published());
        if (check.is_unsure(e)) check.settle(e);
        else check.take(e);
        // Falls asleep as soon as it has caught up: lapped again and again.
        if (role == slow && in.mode() == evbus::consumer_mode::live && ++seen % 2000 == 0) std::this_thread::sleep_for(300ms);
    };
    const auto on_gap = [&](const evbus::gap& g) { mine.gaps.fetch_add(g.seqs); };
    const std::uint64_t log_before = mine.from_log.load();
    const std::uint64_t turns_before = mine.turns.load();
    while (true) {
        const evbus::consume_status s = in.poll(on_event, on_gap);
        mine.from_log.store(log_before + in.from_log());
        mine.turns.store(turns_before + in.turns());
        const std::uint64_t head = b.head.load(std::memory_order_acquire);
        if (head != 0 && in.next() >= head) break;
        if (s == evbus::consume_status::log_failed) {
            std::fprintf(stderr, "demo: reader %s: %s\n", reader_names[role], in.failure().c_str());
            return 1;
        }
        if (s != evbus::consume_status::delivered) in.wait(50ms);
    }
    mine.at_end.store(1);
    return 0;
}

} // namespace demo
