// Which waiting event comes next: cases, and random operations against a model that looks through a list.
#include "tests/support/random.hpp"
#include "tests/support/rounds.hpp"

#include <evbus/work/retry_schedule.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <vector>

using namespace evbus;
using work::retry_schedule;
using work::waiting;
using seq_list = std::vector<seq_t>;

namespace {

constexpr std::uint64_t red = 11, blue = 22;
constexpr std::int64_t end_of_time = INT64_MAX;

// The same questions, answered by looking at everything.
class naive {
public:
    explicit naive(order o) : order_(o) {}
    bool add(const waiting& w) {
        if (find(w.seq) != all_.end()) return false;
        all_.push_back(w);
        return true;
    }
    bool done(seq_t seq) {
        const auto at = find(seq);
        if (at == all_.end()) return false;
        all_.erase(at);
        return true;
    }
    bool again(seq_t seq, std::int64_t due_ns, std::uint32_t attempts) {
        const auto at = find(seq);
        if (at == all_.end()) return false;
        at->due_ns = due_ns;
        at->attempts = attempts;
        return true;
    }
    [[nodiscard]] seq_list all_due(std::int64_t now_ns, std::size_t most) const {
        std::vector<waiting> due;
        for (const waiting& w : all_)
            if (w.due_ns <= now_ns && !is_behind(w)) due.push_back(w);
        std::sort(due.begin(), due.end(), [](const waiting& a, const waiting& b) {
            return a.due_ns != b.due_ns ? a.due_ns < b.due_ns : a.seq < b.seq;
        });
        if (due.size() > most) due.resize(most);
        seq_list out;
        for (const waiting& w : due) out.push_back(w.seq);
        return out;
    }
    [[nodiscard]] std::int64_t next_due_ns() const {
        std::int64_t least = end_of_time;
        for (const waiting& w : all_)
            if (!is_behind(w)) least = std::min(least, w.due_ns);
        return least;
    }
    [[nodiscard]] bool holds(std::uint64_t topic) const {
        return std::any_of(all_.begin(), all_.end(), [&](const waiting& w) { return w.topic_hash == topic; });
    }
    [[nodiscard]] std::size_t bytes() const {
        std::size_t sum = 0;
        for (const waiting& w : all_) sum += w.bytes;
        return sum;
    }
    [[nodiscard]] const std::vector<waiting>& all() const { return all_; }

private:
    std::vector<waiting>::iterator find(seq_t seq) {
        return std::find_if(all_.begin(), all_.end(), [&](const waiting& w) { return w.seq == seq; });
    }
    [[nodiscard]] bool is_behind(const waiting& w) const {
        return order_ == order::by_topic && std::any_of(all_.begin(), all_.end(), [&](const waiting& other) {
                   return other.topic_hash == w.topic_hash && other.seq < w.seq;
               });
    }
    order order_;
    std::vector<waiting> all_;
};

} // namespace

TEST_CASE("retry schedule: nothing waits at first") {
    const retry_schedule s(order::any);
    CHECK(s.empty());
    CHECK_FALSE(s.next_due(end_of_time));
    CHECK(s.next_due_ns() == end_of_time);
    CHECK(s.first_seq() == no_seq);
}

TEST_CASE("retry schedule: by due time, and not before") {
    retry_schedule s(order::any);
    s.add({.seq = 1, .topic_hash = red, .due_ns = 300});
    s.add({.seq = 2, .topic_hash = blue, .due_ns = 100});
    s.add({.seq = 3, .topic_hash = blue, .due_ns = 200});
    CHECK_FALSE(s.next_due(99));
    CHECK(s.next_due_ns() == 100);
    CHECK(s.all_due(300, 10) == seq_list{2, 3, 1});
    CHECK(s.all_due(300, 2) == seq_list{2, 3});
    CHECK(s.all_due(200, 10) == seq_list{2, 3});
}

TEST_CASE("retry schedule: an event that waits for long holds up nobody, its own topic neither") {
    retry_schedule s(order::any);
    s.add({.seq = 1, .topic_hash = red, .due_ns = 1'000'000});
    s.add({.seq = 2, .topic_hash = red, .due_ns = 5});
    CHECK(s.next_due(5) == 2);
}

TEST_CASE("retry schedule: by topic, only the earliest of a topic has a time, and other topics do not wait") {
    retry_schedule s(order::by_topic);
    s.add({.seq = 1, .topic_hash = red, .due_ns = 500});
    s.add({.seq = 2, .topic_hash = red, .due_ns = 0});
    s.add({.seq = 3, .topic_hash = red, .due_ns = 0});
    s.add({.seq = 4, .topic_hash = blue, .due_ns = 100});
    CHECK(s.all_due(499, 10) == seq_list{4});
    CHECK(s.all_due(500, 10) == seq_list{4, 1});
    CHECK(s.done(1));
    CHECK(s.all_due(0, 10) == seq_list{2});
    CHECK(s.done(2));
    CHECK(s.all_due(0, 10) == seq_list{3});
}

TEST_CASE("retry schedule: by topic, an event that comes back from the dead stands before later ones that wait") {
    retry_schedule s(order::by_topic);
    s.add({.seq = 7, .topic_hash = red, .due_ns = 10});
    s.add({.seq = 5, .topic_hash = red, .due_ns = 50});
    CHECK(s.all_due(49, 10).empty());
    CHECK(s.all_due(50, 10) == seq_list{5});
    s.done(5);
    CHECK(s.all_due(10, 10) == seq_list{7});
}

TEST_CASE("retry schedule: tried again later, it keeps its place in its topic") {
    retry_schedule s(order::by_topic);
    s.add({.seq = 1, .topic_hash = red, .due_ns = 0, .attempts = 1});
    s.add({.seq = 2, .topic_hash = red, .due_ns = 0});
    CHECK(s.again(1, 900, 2));
    CHECK(s.find(1)->attempts == 2);
    CHECK_FALSE(s.next_due(899));
    CHECK(s.next_due(900) == 1);
    CHECK(s.again(2, 3, 1)); // one that stands behind: its time counts when it is the first
    CHECK_FALSE(s.next_due(899));
    s.done(1);
    CHECK(s.next_due_ns() == 3);
}

TEST_CASE("retry schedule: the same seq waits once; who does not wait cannot be done or tried") {
    retry_schedule s(order::any);
    CHECK(s.add({.seq = 1, .topic_hash = red, .due_ns = 5, .bytes = 100}));
    CHECK_FALSE(s.add({.seq = 1, .topic_hash = blue, .due_ns = 0, .bytes = 7}));
    CHECK(s.bytes() == 100);
    CHECK(s.next_due_ns() == 5);
    CHECK_FALSE(s.holds(blue));
    CHECK_FALSE(s.again(2, 0, 1));
    CHECK_FALSE(s.done(2));
    CHECK(s.done(1));
    CHECK_FALSE(s.done(1));
    CHECK(s.bytes() == 0);
    CHECK_FALSE(s.holds(red));
}

TEST_CASE("retry schedule: random operations, against a model that looks through everything") {
    evbus_test::random_source random;
    SHOW_SEED(random);
    for (const order o : {order::any, order::by_topic}) {
        for (int round = 0; round < support::rounds(40, 5); ++round) {
            retry_schedule s(o);
            naive model(o);
            std::int64_t now = 0;
            for (int i = 0; i < 400; ++i) {
                now += static_cast<std::int64_t>(random.below(10));
                const seq_t seq = 1 + random.below(60);
                const std::int64_t due = now + static_cast<std::int64_t>(random.below(80)) - 5;
                switch (random.below(4)) {
                case 0:
                case 1: {
                    const waiting w{seq, random.below(6), due, static_cast<std::uint32_t>(random.below(3)), random.below(900)};
                    REQUIRE(s.add(w) == model.add(w));
                    break;
                }
                case 2: REQUIRE(s.done(seq) == model.done(seq)); break;
                case 3: {
                    // Mostly what a worker does: the one that is due is tried and fails again.
                    const seq_t which = random.one_in(4) ? seq : s.next_due(now).value_or(seq);
                    REQUIRE(s.again(which, due, 9) == model.again(which, due, 9));
                    break;
                }
                }
                const std::size_t most = random.below(8);
                REQUIRE(s.all_due(now, most) == model.all_due(now, most));
                const seq_list first = model.all_due(now, 1);
                REQUIRE(s.next_due(now) == (first.empty() ? std::nullopt : std::optional<seq_t>(first.front())));
                REQUIRE(s.next_due_ns() == model.next_due_ns());
                REQUIRE(s.size() == model.all().size());
                REQUIRE(s.bytes() == model.bytes());
                for (std::uint64_t topic = 0; topic < 6; ++topic) REQUIRE(s.holds(topic) == model.holds(topic));
                for (const waiting& w : model.all()) REQUIRE(s.find(w.seq)->due_ns == w.due_ns);
            }
        }
    }
}

TEST_CASE("retry schedule: by topic, whatever happens, a topic's events end in the order of their seqs") {
    evbus_test::random_source random;
    SHOW_SEED(random);
    for (int round = 0; round < support::rounds(100, 10); ++round) {
        retry_schedule s(order::by_topic);
        std::vector<seq_t> last_done(5, no_seq);
        for (seq_t seq = 1; seq <= 200; ++seq)
            s.add({.seq = seq, .topic_hash = random.below(5), .due_ns = static_cast<std::int64_t>(random.below(100))});
        std::int64_t now = 0;
        while (!s.empty()) {
            now = std::max(now, s.next_due_ns());
            const waiting w = *s.find(s.next_due(now).value());
            if (random.one_in(3)) s.again(w.seq, now + static_cast<std::int64_t>(random.below(50)), w.attempts + 1);
            else {
                REQUIRE(last_done[w.topic_hash] < w.seq);
                last_done[w.topic_hash] = w.seq;
                s.done(w.seq);
            }
        }
    }
}
